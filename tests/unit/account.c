/* account.c: the figures add up to what the test holds, and the account printed at exit. */
#include "unit.h"

#include "observe/account.h"
#include "front/malloc.h"

#define MB ((size_t)1 << 20)

static int clean(void **state) {
	(void)state;
	trim();
	struct account account = account_read();
	return account.chunks || account.chunk_bytes || account.chunk_live || account.chunk_dirty ||
	       account.cached || account.cached_slots || account.large || account.large_live ||
	       account.pooled;
}

/* Live, cached and dirty bytes do not exceed what is mapped. */
static struct account read_checked(void) {
	struct account account = account_read();
	assert_int_equal(account.chunk_bytes, account.chunks * CHUNK_SIZE);
	assert_true(account.chunk_live + account.cached + account.free_slots + account.chunk_dirty <=
	            account.chunk_bytes);
	return account;
}

TEST(live_is_what_is_retained) {
	enum { N = 3000 };
	static void *blocks[N];
	uint64_t seed = 50;
	size_t small = 0, large = 0, nlarge = 0;
	for (int i = 0; i < N; i++) {
		size_t size = i % 300 == 0 ? 2 * MB + 1 + next_random(&seed) % MB
		                           : 1 + next_random(&seed) % (i % 10 ? 2000 : 60000);
		blocks[i] = allocate(size);
		*(size > 2 * MB ? &large : &small) += usable_size(blocks[i]);
		nlarge += size > 2 * MB;
		struct account account = read_checked();
		assert_int_equal(account.chunk_live, small);
		assert_int_equal(account.large_live, large);
		assert_int_equal(account.large, nlarge);
	}
	size_t peak = read_checked().peak;
	assert_true(peak >= small + large);
	for (int i = 0; i < N; i++) {
		size_t size = usable_size(blocks[i]);
		*(size > 2 * MB ? &large : &small) -= size;
		release(blocks[i]);
		if (i % 50 == 0)
			assert_int_equal(read_checked().chunk_live, small);
	}
	assert_int_equal(read_checked().chunk_live, 0);
	assert_int_equal(read_checked().large_live, 0);
	assert_int_equal(read_checked().peak, peak);
	assert_true(read_checked().records > 0);
}

TEST(what_is_cached_is_counted_apart) {
	void *blocks[3];
	for (int i = 0; i < 3; i++)
		blocks[i] = allocate(64);
	struct account before = read_checked();
	for (int i = 0; i < 3; i++)
		release(blocks[i]);
	struct account after = read_checked();
	assert_int_equal(after.cached_slots, before.cached_slots + 3);
	assert_int_equal(after.cached, before.cached + 3 * 64);
	assert_int_equal(after.chunk_live, before.chunk_live - 3 * 64);
}

TEST(a_retained_run_is_counted_as_retained) {
	void *block = allocate(4 * MB);
	assert_int_equal(read_checked().large_live, 4 * MB);
	assert_int_equal(read_checked().pooled, 0);
	release(block);
	assert_int_equal(read_checked().large, 0);
	assert_int_equal(read_checked().large_live, 0);
	assert_int_equal(read_checked().pooled, 4 * MB);
}

TEST(the_account_is_printed) {
	struct capture capture;
	calls_count(60, 80);
	calls_count(15, 20);
	capture_begin(&capture);
	account_print();
	const char *text = capture_end(&capture);
	char name[64];
	snprintf(name, sizeof name, "libbuddymalloc: account of account, process %d\n", (int)getpid());
	assert_non_null(strstr(text, name));
	assert_non_null(strstr(text, "slack   25.0 % of the 0 KB handed out in 2 calls\n"));
	static const char *const lines[] = {"  peak ", "  live ", "  kept ", "  chunks ", "  faults "};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		assert_non_null(strstr(text, lines[i]));
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		assert_memory_equal(line, "libbuddymalloc: ", 16);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, clean, clean)

int main(void) {
	const struct CMUnitTest tests[] = {
	        CASE(live_is_what_is_retained),
	        CASE(what_is_cached_is_counted_apart),
	        CASE(a_retained_run_is_counted_as_retained),
	        CASE(the_account_is_printed),
	};
	return RUN(tests);
}

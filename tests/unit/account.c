/* account.c: the rows are what the test holds, each in its place; the text and the JSON. */
#include "unit.h"

#include "wrong.h"

#include "observe/account.h"
#include "front/malloc.h"

#define MB ((size_t)1 << 20)

static int clean(void **state) {
	(void)state;
	trim();
	struct account account = account_read();
	return account.chunks || account.large || account.cached_slots ||
	       account_sum(&account) != account.rows[ROW_METADATA] + account.rows[ROW_PAGEMAP];
}

/* What lies in chunks is not more than what is mapped for them. */
static struct account read_checked(void) {
	struct account account = account_read();
	const size_t *rows = account.rows;
	assert_true(account_in_chunks(&account) + rows[ROW_FREE_SLOTS] + rows[ROW_SLAB_TAILS] +
	                    rows[ROW_MAGAZINES] + rows[ROW_DEPOTS] + rows[ROW_FREE_PAGES] <=
	            account.chunks * CHUNK_SIZE);
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
		assert_int_equal(account_in_chunks(&account), small);
		assert_int_equal(account.rows[ROW_LIVE_LARGE], large);
		assert_int_equal(account.large, nlarge);
	}
	size_t peak = read_checked().peak;
	assert_true(peak >= small + large);
	for (int i = 0; i < N; i++) {
		size_t size = usable_size(blocks[i]);
		*(size > 2 * MB ? &large : &small) -= size;
		release(blocks[i]);
		struct account account = read_checked();
		assert_int_equal(account_in_chunks(&account), small);
		assert_int_equal(account.rows[ROW_LIVE_LARGE], large);
	}
	assert_int_equal(read_checked().peak, peak);
	assert_true(read_checked().rows[ROW_METADATA] > 0);
	assert_true(read_checked().rows[ROW_PAGEMAP] > 0);
}

TEST(what_lies_in_magazines_is_counted_apart) {
	void *blocks[3];
	for (int i = 0; i < 3; i++)
		blocks[i] = allocate(64);
	struct account before = read_checked();
	for (int i = 0; i < 3; i++)
		release(blocks[i]);
	struct account after = read_checked();
	assert_int_equal(after.cached_slots, before.cached_slots + 3);
	assert_int_equal(after.rows[ROW_MAGAZINES], before.rows[ROW_MAGAZINES] + 3 * 64);
	assert_int_equal(after.rows[ROW_LIVE_SLOTS], before.rows[ROW_LIVE_SLOTS] - 3 * 64);
}

TEST(what_lies_in_a_depot_is_counted_apart) {
	enum { SIZE = 512, N = 20 };
	void *slots[N];
	unsigned n = central_refill(class_of(SIZE), slots, N);
	struct account before = read_checked();
	central_set_depot(true);
	assert_null(flush_slots(class_of(SIZE), slots, n).slot);
	struct account after = read_checked();
	assert_int_equal(after.rows[ROW_DEPOTS], before.rows[ROW_DEPOTS] + n * SIZE);
	assert_int_equal(after.rows[ROW_LIVE_SLOTS], before.rows[ROW_LIVE_SLOTS] - n * SIZE);
	central_set_depot(false);
}

/* 9 slots of 448 bytes leave 64 of a page. */
TEST(free_slots_and_tails_count_on_dirty_pages) {
	enum { SIZE = 448, N = 9, TAIL = 4096 - N * SIZE };
	void *slots[N + 1];
	assert_int_equal(central_refill(class_of(SIZE), slots, 1), 1);
	struct account account = read_checked();
	assert_int_equal(account.rows[ROW_LIVE_SLOTS], SIZE);
	assert_int_equal(account.rows[ROW_FREE_SLOTS], (N - 1) * SIZE);
	assert_int_equal(account.rows[ROW_SLAB_TAILS], TAIL);
	assert_int_equal(account.free_slots, N - 1);
	assert_int_equal(central_refill(class_of(SIZE), slots + 1, N - 1), N - 1);
	assert_int_equal(read_checked().rows[ROW_FREE_SLOTS], 0);
	assert_int_equal(read_checked().rows[ROW_SLAB_TAILS], TAIL);
	assert_null(flush_slots(class_of(SIZE), slots, N).slot);
	assert_int_equal(read_checked().rows[ROW_FREE_SLOTS], N * SIZE);
	assert_int_equal(read_checked().rows[ROW_LIVE_SLOTS], 0);
}

/* The pages of a slab of several get dirty as its slots are taken, and its tail with the last. After
 * a purge both are clean again. */
TEST(what_is_clean_of_a_slab_is_in_no_row) {
	enum { SIZE = 448, SMALL = 200 };
	void *slots[SMALL];
	unsigned class = class_of(SIZE), n = 0;
	bool clean_tail = false;
	for (; n < SMALL; n++) {
		assert_int_equal(central_refill(class, slots + n, 1), 1);
		struct central_totals central = central_count(class);
		struct account account = read_checked();
		size_t dirty = (central.slab_pages - central.clean_pages) * PAGE_SIZE;
		assert_int_equal(account.rows[ROW_LIVE_SLOTS] + account.rows[ROW_FREE_SLOTS] +
		                         account.rows[ROW_SLAB_TAILS],
		                 dirty);
		clean_tail |= central.clean_tails > 0;
		assert_true(central_check(class));
	}
	assert_true(clean_tail);
	while (n > 1) {
		n--;
		assert_null(flush_slots(class, slots + n, 1).slot);
	}
	central_trim();
	struct central_totals central = central_count(class);
	assert_int_equal(central.slab_pages - central.clean_pages, 1);
	assert_true(central_check(class));
	assert_null(flush_slots(class, slots, 1).slot);
}

TEST(a_freed_span_is_free_pages) {
	void *block = allocate(100000);
	size_t size = usable_size(block);
	assert_int_equal(read_checked().rows[ROW_LIVE_SPANS], size);
	release(block);
	assert_int_equal(read_checked().rows[ROW_LIVE_SPANS], 0);
	assert_int_equal(read_checked().rows[ROW_FREE_PAGES], size);
}

TEST(a_run_in_the_pool_is_counted_there) {
	void *block = allocate(4 * MB);
	assert_int_equal(read_checked().rows[ROW_LIVE_LARGE], 4 * MB);
	assert_int_equal(read_checked().rows[ROW_POOL], 0);
	release(block);
	assert_int_equal(read_checked().large, 0);
	assert_int_equal(read_checked().rows[ROW_LIVE_LARGE], 0);
	assert_int_equal(read_checked().rows[ROW_POOL], 4 * MB);
}

/* A block of 3 MB in 4 MB that were used before. */
TEST(the_dirty_end_of_a_run_is_counted) {
	void *block = allocate(4 * MB);
	assert_int_equal(read_checked().rows[ROW_RUN_TAILS], 0);
	release(block);
	block = allocate(3 * MB);
	assert_int_equal(read_checked().rows[ROW_LIVE_LARGE], 3 * MB);
	assert_int_equal(read_checked().rows[ROW_RUN_TAILS], MB);
	block = reallocate(block, 4 * MB);
	assert_int_equal(read_checked().rows[ROW_RUN_TAILS], 0);
	release(block);
	trim();
	block = allocate(3 * MB);
	assert_int_equal(read_checked().rows[ROW_RUN_TAILS], 0);
	release(block);
}

/* Two chunks whose last 100 pages are dirty become a block of 3 MB: these stay dirty behind it. */
TEST(what_was_dirty_behind_a_block_is_counted) {
	enum { DIRTY = 100 };
	struct run *run = pool_take(2, CHUNK_SIZE);
	char *base = run->base;
	memset(base + 4 * MB - DIRTY * PAGE_SIZE, 1, DIRTY * PAGE_SIZE);
	pool_put(run, DIRTY);
	void *block = allocate(3 * MB);
	assert_ptr_equal(block, base);
	assert_int_equal(read_checked().rows[ROW_RUN_TAILS], DIRTY * PAGE_SIZE);
	release(block);
}

/* Pages of live blocks that were not written to, of a chunk and of a large block; then all of them. */
TEST(what_is_not_there_of_the_rows_is_absent) {
	enum { SPAN = 64 };
	char *span = allocate(SPAN * PAGE_SIZE), *block = allocate(3 * MB);
	struct account account = read_checked();
	account_ask(&account);
	assert_int_equal(account.absent, SPAN * PAGE_SIZE + 3 * MB);
	memset(span, 1, SPAN * PAGE_SIZE);
	memset(block, 1, 3 * MB);
	account = read_checked();
	account_ask(&account);
	assert_int_equal(account.absent, 0);
	assert_int_equal(account.rows[ROW_CLEAN_PAGES], 0);
	block[0] = span[0] = 1;
	release(span), release(block);
}

/* A clean page of a chunk that somebody reads or that a huge page brought. */
TEST(clean_pages_that_are_there_are_a_row) {
	struct span span = chunk_take(1, 0);
	char *beside = span.base + PAGE_SIZE;
	beside += -(uintptr_t)beside % os_page_size();
	*(volatile char *)beside = 0;
	struct account account = account_read();
	account_ask(&account);
	assert_int_equal(account.rows[ROW_CLEAN_PAGES], os_page_size());
	os_purge(beside, os_page_size());
	chunk_put(span.chunk, span.base, 1);
}

TEST(the_text_names_the_rows) {
	struct capture capture;
	calls_count(60, 80);
	calls_count(15, 20);
	void *block = allocate(3 * MB);
	capture_begin(&capture);
	assert_int_equal(account_write(STDERR_FILENO, ACCOUNT_TEXT), 0);
	const char *text = capture_end(&capture);
	release(block);
	char name[64];
	snprintf(name, sizeof name, "libbuddymalloc: account of account, process %d\n", (int)getpid());
	assert_non_null(strstr(text, name));
	assert_non_null(strstr(text, "slack   25.0 % of the 0 KB handed out in 2 calls\n"));
	static const char *const lines[] = {"  peak ",   "  resident ",
	                                    "  rows ",   "  live_large          3072 KB\n",
	                                    "  chunks ", "  faults "};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		assert_non_null(strstr(text, lines[i]));
	assert_null(strstr(text, " 0 KB\n"));
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		assert_memory_equal(line, "libbuddymalloc: ", 16);
}

TEST(json_has_every_row_once) {
	struct capture capture;
	capture_begin(&capture);
	assert_int_equal(account_write(STDERR_FILENO, ACCOUNT_JSON), 0);
	const char *text = capture_end(&capture);
	assert_memory_equal(text, "{\"resident\":", 12);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	for (unsigned row = 0; row < ACCOUNT_ROWS; row++) {
		char name[32];
		snprintf(name, sizeof name, "\"%s\":", account_names[row]);
		const char *at = strstr(text, name);
		assert_non_null(at);
		assert_null(strstr(at + 1, name));
	}
}

TEST(a_file_that_cannot_be_written_to_is_an_error) {
	errno = 0;
	assert_int_equal(account_write(-1, ACCOUNT_JSON), -1);
	assert_int_equal(errno, EBADF);
}

/* A mapping of 64 MB that the kernel fills. */
TEST(resident_is_what_is_there) {
	NEEDS_SMALL_PAGES;
	size_t before = account_resident(), size = 64 * MB;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
	char *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
	assert_ptr_not_equal(pages, MAP_FAILED);
	size_t grown = account_resident() - before;
	assert_true(grown >= size - MB && grown <= size + MB);
	munmap(pages, size);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, clean, clean)

int main(void) {
	const struct CMUnitTest tests[] = {
	        CASE(live_is_what_is_retained),
	        CASE(what_lies_in_magazines_is_counted_apart),
	        CASE(what_lies_in_a_depot_is_counted_apart),
	        CASE(free_slots_and_tails_count_on_dirty_pages),
	        CASE(what_is_clean_of_a_slab_is_in_no_row),
	        CASE(a_freed_span_is_free_pages),
	        CASE(a_run_in_the_pool_is_counted_there),
	        CASE(the_dirty_end_of_a_run_is_counted),
	        CASE(what_was_dirty_behind_a_block_is_counted),
	        CASE(what_is_not_there_of_the_rows_is_absent),
	        CASE(clean_pages_that_are_there_are_a_row),
	        CASE(the_text_names_the_rows),
	        CASE(json_has_every_row_once),
	        CASE(a_file_that_cannot_be_written_to_is_an_error),
	        CASE(resident_is_what_is_there),
	};
	return RUN(tests);
}

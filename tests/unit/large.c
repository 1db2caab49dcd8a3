/* large.c: blocks of whole chunks: taken, freed, reused, resized, registered.
 * Linked with --wrap=os_milliseconds: the clock is the test's. */
#include "unit.h"

#include "back/large.h"
#include "ground/config.h"
#include "policy/reclaim.h"

#define MB ((size_t)1 << 20)

/* Pages live in chunks, as the policy is told: beside them 2 MB are retained without a reason. */
enum { BESIDE = 2000 };

static uint64_t now, per_look = 2000; /* milliseconds; two seconds at every look: nothing refaults */

uint64_t __wrap_os_milliseconds(void);
uint64_t __wrap_os_milliseconds(void) { return now += per_look; }

/* Every test starts and ends with nothing live and nothing retained. */
static int nothing(void **state) {
	(void)state;
	pool_trim();
	ledger_publish(LEDGER_CHUNKS, BESIDE, 0);
	struct large_totals totals = large_count();
	return totals.live == 0 && totals.live_bytes == 0 && pool_count().npages == 0 ? 0 : -1;
}

static size_t retained_bytes(void) { return pool_count().npages * PAGE_SIZE; }

static char *take(size_t size, size_t align, bool expect_clean) {
	size_t dirty;
	char *block = large_take(size, align, &dirty);
	assert_non_null(block);
	assert_int_equal((uintptr_t)block % align, 0);
	assert_int_equal((uintptr_t)block % CHUNK_SIZE, 0);
	assert_int_equal(dirty, expect_clean ? 0 : align_up(size, os_page_size()));
	return block;
}

static struct run *record_of(const void *block) {
	struct owner *owner = pagemap_owner(block);
	assert_non_null(owner);
	assert_int_equal(owner->kind, OWNER_LARGE);
	return (struct run *)owner;
}

static void put(char *block) {
	assert_true(large_put(record_of(block), block));
	reclaim(0); /* as free does */
}

/* Every chunk that the block covers is registered for it, and the next one is not. */
static void assert_registered(char *block, size_t size) {
	struct run *run = record_of(block);
	assert_ptr_equal(run->base, block);
	assert_true(run->size >= size);
	assert_true(is_mapped(block, size));
	assert_ptr_equal(large_around(block), run);
	assert_ptr_equal(large_around(block + size - 1), run);
	assert_ptr_not_equal(large_around(block + align_up(size, os_page_size())), run);
	for (size_t offset = 0; offset < size; offset += CHUNK_SIZE)
		assert_ptr_equal(pagemap_owner(block + offset), &run->owner);
	assert_ptr_not_equal(pagemap_owner(block + align_up(size, CHUNK_SIZE)), &run->owner);
	assert_int_equal(pagemap_class(block), 0);
}

static void assert_gone(char *block, size_t size) {
	for (size_t offset = 0; offset < size; offset += CHUNK_SIZE)
		assert_null(pagemap_owner(block + offset));
}

static void fill(char *block, size_t size) {
	for (size_t i = 0; i < size; i += PAGE_SIZE)
		memcpy(block + i, &i, sizeof i);
}

static void assert_content(const char *block, size_t size) {
	for (size_t i = 0; i < size; i += PAGE_SIZE)
		assert_memory_equal(block + i, &i, sizeof i);
}

TEST(blocks_are_page_exact_registered_and_zero) {
	static const size_t sizes[] = {1,      4096,           MB,     MB + 1, 2 * MB, 2 * MB + 1,
	                               3 * MB, 7 * MB + 12345, 20 * MB};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *block = take(sizes[i], 16, true);
		assert_registered(block, sizes[i]);
		assert_int_equal(record_of(block)->size, align_up(sizes[i], os_page_size()));
		assert_int_equal(large_count().live, 1);
		assert_int_equal(large_count().live_bytes, align_up(sizes[i], os_page_size()));
		assert_true(is_zero(block, sizes[i]));
		memset(block, 1, sizes[i]);
		put(block);
		pool_trim();
		assert_gone(block, sizes[i]);
		assert_false(is_mapped(block, sizes[i]));
	}
}

TEST(alignment_up_to_a_gigabyte) {
	for (size_t align = 16; align <= 1024 * MB; align *= 4) {
		char *block = take(3 * MB, align, true);
		assert_registered(block, 3 * MB);
		put(block);
		pool_trim();
	}
}

TEST(only_the_start_of_a_live_block_is_freed) {
	char *block = take(2 * MB, 16, true);
	struct run *run = record_of(block);
	assert_false(large_put(run, block + 1));
	assert_false(large_put(run, block + PAGE_SIZE));
	assert_false(large_put(run, block + CHUNK_SIZE));
	put(block);
	assert_int_equal(retained_bytes(), 2 * MB);
	assert_false(large_put(run, block)); /* retained, not live */
	assert_int_equal(retained_bytes(), 2 * MB);
}

TEST(a_freed_run_serves_again_and_is_not_clean) {
	char *block = take(2 * MB, 16, true);
	memset(block, 3, 2 * MB);
	put(block);
	assert_int_equal(retained_bytes(), 2 * MB);
	assert_int_equal(large_count().live, 0);
	assert_ptr_equal(take(2 * MB, 16, false), block);
	assert_int_equal(retained_bytes(), 0);
	assert_registered(block, 2 * MB);
	put(block);
}

/* The pool has one half of a block, and the kernel gives the other again. */
TEST(what_the_kernel_adds_to_a_run_is_a_refault) {
	per_look = 0;
	ledger.refaulted = ledger.returned[LEDGER_OUTSIDE_SLABS].npages = 0;
	char *whole = take(8 * MB, 16, true);
	assert_true(large_put(record_of(whole), whole));
	assert_int_equal(pool_unmap(2 * CHUNK_PAGES), 2 * CHUNK_PAGES);
	char *block = take(8 * MB, 16, false);
	assert_int_equal(ledger_read(&ledger.refaulted), 2 * CHUNK_PAGES);
	ledger.refaulted = 0;
	per_look = 2000;
	put(block);
}

TEST(what_is_retained_is_bounded) {
	enum { N = 40 };
	char *blocks[N];
	for (int i = 0; i < N; i++)
		blocks[i] = take(2 * MB, 16, true);
	for (int i = 0; i < N; i++) {
		put(blocks[i]);
		struct large_totals totals = large_count();
		assert_true(retained_bytes() <= 2 * MB + (BESIDE * PAGE_SIZE + totals.live_bytes) * 6 / 100);
	}
	assert_true(retained_bytes() > 0);
	assert_true(pool_trim());
	assert_false(pool_trim());
	for (int i = 0; i < N; i++)
		assert_gone(blocks[i], 2 * MB);
}

TEST(the_peak_is_kept) {
	char *one = take(32 * MB, 16, true), *two = take(32 * MB, 16, true);
	size_t peak = large_count().peak_bytes;
	assert_true(peak >= 64 * MB);
	put(one);
	put(two);
	assert_int_equal(large_count().peak_bytes, peak);
}

/* ---- resizing ---- */

static char *resize(char *block, size_t size) {
	size_t old = record_of(block)->size;
	char *resized = large_resize(record_of(block), size);
	assert_non_null(resized);
	assert_registered(resized, size);
	assert_int_equal(record_of(resized)->size, align_up(size, os_page_size()));
	assert_content(resized, old < size ? old : size);
	assert_int_equal(large_count().live, 1);
	assert_int_equal(large_count().live_bytes, align_up(size, os_page_size()));
	fill(resized, record_of(resized)->size);
	return resized;
}

TEST(a_block_grows_and_shrinks_with_its_content) {
	uint64_t seed = 6;
	size_t size = 3 * MB;
	char *block = take(size, 16, true);
	fill(block, size);
	for (int i = 0; i < 60; i++) {
		size = MB + next_random(&seed) % (12 * MB);
		block = resize(block, size);
	}
	put(block);
}

TEST(shrinking_gives_memory_back_where_it_lies) {
	char *block = take(9 * MB, 16, true);
	fill(block, 9 * MB);
	assert_ptr_equal(resize(block, 3 * MB), block);
	pool_trim();
	assert_gone(block + 4 * MB, 5 * MB);
	assert_false(is_mapped(block + 4 * MB, PAGE_SIZE));
	put(block);
}

TEST(growing_moves_a_block_whose_way_is_blocked) {
	char *block = take(3 * MB, 16, true);
	char *wall = mmap(block + 4 * MB, PAGE_SIZE, PROT_NONE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	fill(block, 3 * MB);
	char *moved = resize(block, 30 * MB);
	assert_ptr_not_equal(moved, block);
	assert_null(large_around(block));
	assert_int_equal(resident_pages(moved, 3 * MB), 3 * MB / PAGE_SIZE);
	if (wall != MAP_FAILED)
		munmap(wall, PAGE_SIZE);
	put(moved);
}

TEST(what_cannot_grow_is_as_it_was) {
	char *block = take(3 * MB, 16, true);
	fill(block, 3 * MB);
	assert_null(large_resize(record_of(block), (size_t)1 << 46));
	assert_registered(block, 3 * MB);
	assert_int_equal(record_of(block)->size, 3 * MB);
	assert_content(block, 3 * MB);
	put(block);
}

/* What lies in several mappings moves in pieces. */
TEST(a_block_of_several_mappings_moves_whole) {
	char *block = take(20 * MB, 16, true);
	fill(block, 20 * MB);
	for (size_t at = 2 * MB; at < 20 * MB; at += 4 * MB)
		madvise(block + at, 2 * MB, MADV_NOHUGEPAGE); /* another flag, another mapping */
	char *wall = mmap(block + 20 * MB, PAGE_SIZE, PROT_NONE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	char *moved = resize(block, 50 * MB);
	assert_ptr_not_equal(moved, block);
	if (wall != MAP_FAILED)
		munmap(wall, PAGE_SIZE);
	put(moved);
}

/* A large block that grows while others come and go: its content, and nothing else, is in it. */
TEST(resized_blocks_keep_their_content_at_random) {
	enum { N = 6 };
	char *blocks[N] = {NULL};
	size_t sizes[N];
	uint64_t seed = 9;
	config.hold = 100;
	for (int i = 0; i < 600; i++) {
		unsigned at = next_random(&seed) % N;
		size_t size = align_up(MB + next_random(&seed) % (12 * MB), PAGE_SIZE), dirty;
		if (!blocks[at]) {
			blocks[at] = large_take(size, 16, &dirty);
			assert_true(dirty >= size || is_zero(blocks[at] + dirty, size - dirty));
		} else if (next_random(&seed) % 3 == 0) {
			assert_content(blocks[at], sizes[at]);
			put(blocks[at]);
			blocks[at] = NULL;
			continue;
		} else {
			blocks[at] = large_resize(record_of(blocks[at]), size);
			assert_content(blocks[at], min_size(sizes[at], size));
		}
		sizes[at] = size;
		assert_registered(blocks[at], size);
		fill(blocks[at], size);
	}
	for (int i = 0; i < N; i++)
		if (blocks[i])
			put(blocks[i]);
	config.hold = 6;
}

TEST(no_memory_is_an_answer) {
	size_t dirty;
	assert_null(large_take((size_t)1 << 60, 16, &dirty));
	assert_null(large_take(PAGE_SIZE, (size_t)1 << 63, &dirty));
	assert_int_equal(large_count().live, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, nothing, nothing)

int main(void) {
	const struct CMUnitTest tests[] = {
	        CASE(blocks_are_page_exact_registered_and_zero),
	        CASE(alignment_up_to_a_gigabyte),
	        CASE(only_the_start_of_a_live_block_is_freed),
	        CASE(a_freed_run_serves_again_and_is_not_clean),
	        CASE(what_the_kernel_adds_to_a_run_is_a_refault),
	        CASE(what_is_retained_is_bounded),
	        CASE(the_peak_is_kept),
	        CASE(a_block_grows_and_shrinks_with_its_content),
	        CASE(shrinking_gives_memory_back_where_it_lies),
	        CASE(growing_moves_a_block_whose_way_is_blocked),
	        CASE(what_cannot_grow_is_as_it_was),
	        CASE(a_block_of_several_mappings_moves_whole),
	        CASE(resized_blocks_keep_their_content_at_random),
	        CASE(no_memory_is_an_answer),
	};
	return RUN(tests);
}

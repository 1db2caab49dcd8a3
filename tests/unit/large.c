/* large.c: blocks with a mapping of their own: taken, retained, reused, resized, registered.
 * Linked with --wrap=os_milliseconds: the clock is the test's. */
#include "unit.h"

#include "ground/config.h"
#include "policy/reclaim.h"
#include "back/large.h"

#define MB ((size_t)1 << 20)

/* Pages live in chunks, as the policy is told: beside them 2 MB are retained without a reason. */
enum { BESIDE = 2000 };

static uint64_t now;

/* Two seconds at every look: nothing is ever refaulted. */
uint64_t __wrap_os_milliseconds(void);
uint64_t __wrap_os_milliseconds(void) { return now += 2000; }

/* Every test starts and ends with nothing live and nothing retained. */
static int nothing(void **state) {
	(void)state;
	large_trim();
	reclaim_publish(RECLAIM_CHUNKS, BESIDE, 0);
	struct large_totals totals = large_count();
	return totals.live == 0 && totals.live_bytes == 0 && totals.retained_bytes == 0 ? 0 : -1;
}

static char *take(size_t size, size_t align, bool expect_clean) {
	size_t dirty;
	char *block = large_take(size, align, &dirty);
	assert_non_null(block);
	assert_int_equal((uintptr_t)block % align, 0);
	assert_int_equal((uintptr_t)block % CHUNK_SIZE, 0);
	assert_int_equal(dirty, expect_clean ? 0 : align_up(size, PAGE_SIZE));
	return block;
}

static struct large *record_of(const void *block) {
	struct owner *owner = pagemap_owner(block);
	assert_non_null(owner);
	assert_int_equal(owner->kind, OWNER_LARGE);
	return (struct large *)owner;
}

static void put(char *block) { assert_true(large_put(record_of(block), block)); }

/* Every chunk that the block covers is registered for it, and the next one is not. */
static void assert_registered(char *block, size_t size) {
	struct large *large = record_of(block);
	assert_ptr_equal(large->base, block);
	assert_true(large->size >= size);
	assert_true(is_mapped(block, size));
	for (size_t offset = 0; offset < size; offset += CHUNK_SIZE)
		assert_ptr_equal(pagemap_owner(block + offset), &large->owner);
	assert_ptr_not_equal(pagemap_owner(block + align_up(size, CHUNK_SIZE)), &large->owner);
	assert_int_equal(pagemap_class(block), 0);
}

static void assert_gone(char *block, size_t size) {
	for (size_t offset = 0; offset < size; offset += CHUNK_SIZE)
		assert_null(pagemap_owner(block + offset));
}

TEST(blocks_are_page_exact_registered_and_zero) {
	static const size_t sizes[] = {1,      4096,           MB,     MB + 1, 2 * MB, 2 * MB + 1,
	                               3 * MB, 7 * MB + 12345, 20 * MB};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *block = take(sizes[i], 16, true);
		assert_registered(block, sizes[i]);
		assert_int_equal(record_of(block)->size, align_up(sizes[i], PAGE_SIZE));
		assert_int_equal(large_count().live, 1);
		assert_int_equal(large_count().live_bytes, align_up(sizes[i], PAGE_SIZE));
		assert_true(is_zero(block, sizes[i]));
		memset(block, 1, sizes[i]);
		put(block);
		large_trim();
		assert_gone(block, sizes[i]);
		assert_false(is_mapped(block, sizes[i]));
	}
}

TEST(alignment_up_to_a_gigabyte) {
	for (size_t align = 16; align <= 1024 * MB; align *= 4) {
		char *block = take(3 * MB, align, true);
		assert_registered(block, 3 * MB);
		put(block);
		large_trim();
	}
}

TEST(only_the_start_of_a_live_block_is_freed) {
	char *block = take(2 * MB, 16, true);
	struct large *large = record_of(block);
	assert_false(large_put(large, block + 1));
	assert_false(large_put(large, block + PAGE_SIZE));
	assert_false(large_put(large, block + CHUNK_SIZE));
	put(block);
	assert_int_equal(large_count().retained_bytes, 2 * MB);
	assert_false(large_put(large, block)); /* retained, not live */
	assert_int_equal(large_count().retained_bytes, 2 * MB);
}

/* ---- retained runs ---- */

TEST(a_freed_run_serves_again_and_is_not_clean) {
	char *block = take(2 * MB, 16, true);
	memset(block, 3, 2 * MB);
	put(block);
	assert_int_equal(large_count().retained_bytes, 2 * MB);
	assert_int_equal(large_count().live, 0);
	assert_ptr_equal(take(2 * MB, 16, false), block);
	assert_int_equal(large_count().retained_bytes, 0);
	assert_registered(block, 2 * MB);
	put(block);
}

/* Retained memory does not stand beside chunks that grow: they cannot use it. */
TEST(a_run_goes_when_the_chunks_have_grown_by_more_than_it) {
	enum { PAGES = 512 };
	reclaim_publish(RECLAIM_CHUNKS, BESIDE, 0);
	char *block = take(2 * MB, 16, true);
	put(block);
	reclaim_publish(RECLAIM_CHUNKS, BESIDE + PAGES, 0);
	large_reclaim();
	assert_int_equal(large_count().retained_bytes, 2 * MB);
	reclaim_publish(RECLAIM_CHUNKS, BESIDE + PAGES + 1, 0);
	large_reclaim();
	assert_int_equal(large_count().retained_bytes, 0);
	assert_gone(block, 2 * MB);
	reclaim_publish(RECLAIM_CHUNKS, 0, 0);
}

TEST(a_retained_run_is_fitted_to_a_near_size) {
	char *block = take(2 * MB - PAGE_SIZE, 16, true);
	put(block);
	assert_ptr_equal(take(2 * MB - 20 * PAGE_SIZE, 16, false), block);
	assert_int_equal(record_of(block)->size, 2 * MB - 20 * PAGE_SIZE);
	put(block);
}

static void fill(char *block, size_t size) {
	for (size_t i = 0; i < size; i += PAGE_SIZE)
		memcpy(block + i, &i, sizeof i);
}

static void assert_content(const char *block, size_t size) {
	for (size_t i = 0; i < size; i += PAGE_SIZE)
		assert_memory_equal(block + i, &i, sizeof i);
}

static size_t sum_of_pieces(const struct large *large) {
	size_t sum = 0;
	for (unsigned i = 0; i < large->npieces; i++)
		sum += large->piece[i];
	return sum;
}

/* A block of the size whose first `dirty` bytes are what was retained. */
static char *take_dirty(size_t size, size_t dirty) {
	size_t found;
	char *block = large_take(size, 16, &found);
	assert_non_null(block);
	assert_int_equal(found, dirty);
	assert_registered(block, size);
	assert_int_equal(sum_of_pieces(record_of(block)), size);
	assert_true(is_zero(block + dirty, size - dirty));
	fill(block, size);
	return block;
}

TEST(a_part_of_a_longer_run_serves_and_the_rest_stays_retained) {
	config.hold = 1000;
	char *live = take(8 * MB, 16, true), *block = take(7 * MB, 16, true);
	fill(block, 7 * MB);
	put(block);
	char *part = take_dirty(3 * MB, 3 * MB);
	assert_int_equal(large_count().retained_bytes, 4 * MB);
	assert_gone(block + 4 * MB, 2 * MB);
	char *rest = take(4 * MB, 16, false);
	assert_ptr_equal(rest, block);
	assert_content(rest, 4 * MB);
	put(part);
	put(rest);
	put(live);
	config.hold = 6;
}

TEST(shorter_runs_together_serve_and_the_rest_is_clean) {
	config.hold = 1000;
	char *live = take(8 * MB, 16, true), *one = take(2 * MB, 16, true),
	     *two = take(3 * MB + PAGE_SIZE, 16, true);
	fill(one, 2 * MB);
	fill(two, 3 * MB + PAGE_SIZE);
	put(one);
	put(two);
	char *block = take_dirty(16 * MB, 5 * MB + PAGE_SIZE);
	assert_int_equal(large_count().retained_bytes, 0);
	assert_int_equal(record_of(block)->npieces, 3);
	assert_gone(one, 2 * MB);
	assert_gone(two, 3 * MB);
	put(block);
	char *again =
	        take_dirty(16 * MB - 16 * PAGE_SIZE, 16 * MB - 16 * PAGE_SIZE); /* near: it serves as it is */
	assert_ptr_equal(again, block);
	put(again);
	put(live);
	config.hold = 6;
}

TEST(a_block_has_few_pieces_whatever_is_retained) {
	enum { N = 30 };
	char *blocks[N], *live = take(64 * MB, 16, true);
	config.hold = 1000;
	for (int i = 0; i < N; i++)
		blocks[i] = take(MB + PAGE_SIZE, 16, true);
	for (int i = 0; i < N; i++)
		put(blocks[i]);
	char *block = take_dirty(60 * MB, (LARGE_PIECES - 1) * (MB + PAGE_SIZE));
	assert_int_equal(record_of(block)->npieces, LARGE_PIECES);
	put(block);
	put(live);
	config.hold = 6;
}

TEST(what_is_retained_is_bounded_when_clean_memory_is_taken_beside_it) {
	enum { N = 40 };
	char *blocks[N], *live = take(64 * MB, 16, true);
	config.hold = 1000;
	for (int i = 0; i < N; i++)
		blocks[i] = take(MB + PAGE_SIZE, 16, true);
	for (int i = 0; i < N; i++)
		put(blocks[i]);
	config.hold = 6;
	char *block = take_dirty(60 * MB, (LARGE_PIECES - 1) * (MB + PAGE_SIZE));
	struct large_totals totals = large_count();
	assert_true(totals.retained_bytes > 0);
	assert_true(totals.retained_bytes <= 2 * MB + (BESIDE * PAGE_SIZE + totals.live_bytes) * 6 / 100);
	put(block);
	put(live);
}

TEST(among_many_blocks_none_is_made_of_pieces) {
	enum { MANY = 1100 };
	static char *blocks[MANY];
	config.hold = 1000;
	for (int i = 0; i < MANY; i++)
		blocks[i] = take(MB, 16, true);
	char *freed = take(3 * MB, 16, true);
	put(freed);
	char *other = take(2 * MB, 16, true), *same = take(3 * MB, 16, false);
	assert_ptr_equal(same, freed);
	put(other);
	put(same);
	for (int i = 0; i < MANY; i++)
		put(blocks[i]);
	config.hold = 6;
}

TEST(blocks_of_pieces_keep_their_content_at_random) {
	enum { N = 6 };
	char *blocks[N] = {NULL};
	size_t sizes[N];
	uint64_t seed = 9;
	config.hold = 100;
	for (int i = 0; i < 600; i++) {
		unsigned at = next_random(&seed) % N;
		if (blocks[at]) {
			assert_content(blocks[at], sizes[at]);
			if (next_random(&seed) % 3 == 0) {
				size_t size = MB + next_random(&seed) % (12 * MB);
				char *resized = large_resize(record_of(blocks[at]), size);
				size = align_up(size, PAGE_SIZE);
				if (!resized) { /* of several pieces: it is as it was */
					assert_content(blocks[at], sizes[at]);
					continue;
				}
				assert_content(resized, sizes[at] < size ? sizes[at] : size);
				blocks[at] = resized;
				sizes[at] = size;
				fill(resized, size);
				assert_int_equal(sum_of_pieces(record_of(resized)), size);
				continue;
			}
			put(blocks[at]);
		}
		size_t dirty;
		sizes[at] = align_up(MB + next_random(&seed) % (12 * MB), PAGE_SIZE);
		blocks[at] = large_take(sizes[at], 16, &dirty);
		assert_non_null(blocks[at]);
		assert_true(is_zero(blocks[at] + dirty, sizes[at] - dirty));
		assert_registered(blocks[at], sizes[at]);
		assert_int_equal(sum_of_pieces(record_of(blocks[at])), sizes[at]);
		fill(blocks[at], sizes[at]);
	}
	for (int i = 0; i < N; i++)
		put(blocks[i]);
	config.hold = 6;
}

TEST(the_nearest_retained_run_serves) {
	char *small = take(MB + 100 * PAGE_SIZE, 16, true), *fit = take(MB + 50 * PAGE_SIZE, 16, true);
	char *tight = take(MB + 4 * PAGE_SIZE, 16, true);
	config.hold = 1000;
	char *live = take(8 * MB, 16, true);
	put(small);
	put(fit);
	put(tight);
	assert_ptr_equal(take(MB + 48 * PAGE_SIZE, 16, false), fit);
	put(fit);
	put(live);
	config.hold = 6;
}

TEST(a_retained_run_must_have_the_alignment) {
	char *one = take(2 * MB, 16, true),
	     *two = take(2 * MB, 16, true); /* at most one of them at a multiple of 1 GB */
	char *retained = (uintptr_t)one % (1024 * MB) ? one : two;
	put(retained);
	char *aligned = take(2 * MB, 1024 * MB, false); /* its pages serve, its addresses do not */
	assert_ptr_not_equal(aligned, retained);
	put(aligned);
	put(retained == one ? two : one);
}

TEST(what_is_retained_is_bounded) {
	enum { N = 40 };
	char *blocks[N];
	for (int i = 0; i < N; i++)
		blocks[i] = take(2 * MB, 16, true);
	for (int i = 0; i < N; i++) {
		put(blocks[i]);
		struct large_totals totals = large_count();
		assert_true(totals.retained_bytes <=
		            2 * MB + (BESIDE * PAGE_SIZE + totals.live_bytes) * 6 / 100);
	}
	assert_true(large_count().retained_bytes > 0);
	assert_true(large_trim());
	assert_false(large_trim());
	for (int i = 0; i < N; i++)
		assert_gone(blocks[i], 2 * MB);
}

TEST(retained_runs_are_few_whatever_their_size) {
	enum { N = 100, MOST = 64 };
	char *blocks[N], *live = take(256 * MB, 16, true);
	config.hold = 1000;
	for (int i = 0; i < N; i++)
		blocks[i] = take(MB + PAGE_SIZE, 16, true);
	for (int i = 0; i < N; i++)
		put(blocks[i]);
	assert_int_equal(large_count().retained_bytes, MOST * (MB + PAGE_SIZE));
	config.hold = 6;
	put(live);
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
	assert_int_equal(record_of(resized)->size, align_up(size, PAGE_SIZE));
	assert_content(resized, old < size ? old : size);
	assert_int_equal(large_count().live, 1);
	assert_int_equal(large_count().live_bytes, align_up(size, PAGE_SIZE));
	if (resized != block)
		assert_gone(block, old);
	fill(resized, size);
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
	assert_false(is_mapped(block + 3 * MB, PAGE_SIZE));
	assert_gone(block + 4 * MB, 5 * MB);
	put(block);
}

TEST(growing_moves_a_block_whose_way_is_blocked) {
	char *block = take(3 * MB, 16, true);
	char *way = block + 3 * MB;
	char *wall =
	        mmap(way, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	fill(block, 3 * MB);
	char *moved = resize(block, 30 * MB);
	assert_ptr_not_equal(moved, block);
	assert_false(is_mapped(block, 3 * MB));
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
	        CASE(a_run_goes_when_the_chunks_have_grown_by_more_than_it),
	        CASE(a_retained_run_is_fitted_to_a_near_size),
	        CASE(a_part_of_a_longer_run_serves_and_the_rest_stays_retained),
	        CASE(shorter_runs_together_serve_and_the_rest_is_clean),
	        CASE(a_block_has_few_pieces_whatever_is_retained),
	        CASE(what_is_retained_is_bounded_when_clean_memory_is_taken_beside_it),
	        CASE(among_many_blocks_none_is_made_of_pieces),
	        CASE(blocks_of_pieces_keep_their_content_at_random),
	        CASE(the_nearest_retained_run_serves),
	        CASE(a_retained_run_must_have_the_alignment),
	        CASE(what_is_retained_is_bounded),
	        CASE(retained_runs_are_few_whatever_their_size),
	        CASE(the_peak_is_kept),
	        CASE(a_block_grows_and_shrinks_with_its_content),
	        CASE(shrinking_gives_memory_back_where_it_lies),
	        CASE(growing_moves_a_block_whose_way_is_blocked),
	        CASE(what_cannot_grow_is_as_it_was),
	        CASE(no_memory_is_an_answer),
	};
	return RUN(tests);
}

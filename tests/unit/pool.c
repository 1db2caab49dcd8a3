/* pool.c: runs of chunks: taken, cut, put back, coalesced, completed by the kernel, kept within the bound.
 * Linked with --wrap for os_milliseconds, the clock being the test's, metadata_take and os_map_at. */
#include "unit.h"

#include "back/pool.h"
#include "ground/config.h"
#include "ground/metadata.h"
#include "ground/ledger.h"

/* Pages live in chunks, as the policy is told. */
enum { BESIDE = 1 << 20 };

/* Two seconds at every look: nothing ever refaults. */
uint64_t __wrap_os_milliseconds(void);
uint64_t __wrap_os_milliseconds(void) {
	static uint64_t now;
	return now += 2000;
}

static bool no_metadata; /* for the next request, once */

void *__real_metadata_take(size_t size);
void *__wrap_metadata_take(size_t size);
void *__wrap_metadata_take(size_t size) {
	bool refused = no_metadata;
	no_metadata = false;
	return refused ? NULL : __real_metadata_take(size);
}

static size_t asked_beside; /* bytes: the most that the kernel was asked for at an address */

void *__real_os_map_at(void *address, size_t size);
void *__wrap_os_map_at(void *address, size_t size);
void *__wrap_os_map_at(void *address, size_t size) {
	asked_beside = max_size(asked_beside, size);
	return __real_os_map_at(address, size);
}

/* Every test starts and ends with nothing in the pool. */
static int nothing(void **state) {
	(void)state;
	ledger_publish(LEDGER_CHUNKS, BESIDE, 0);
	pool_trim();
	struct pool_totals totals = pool_count();
	return totals.nruns == 0 && totals.npages == 0 && totals.ndirty == 0 ? 0 : -1;
}

static size_t bytes_of(const struct run *run) { return run->nchunks * CHUNK_SIZE; }

static struct run *take(size_t nchunks) {
	struct run *run = pool_take(nchunks, CHUNK_SIZE);
	assert_non_null(run);
	assert_int_equal(run->nchunks, nchunks);
	assert_int_equal((uintptr_t)run->base % CHUNK_SIZE, 0);
	for (size_t i = 0; i < nchunks; i++)
		assert_ptr_equal(pagemap_owner(run->base + i * CHUNK_SIZE), &run->owner);
	assert_int_equal(run->owner.kind, OWNER_NONE);
	assert_true(pool_check());
	return run;
}

static void put(struct run *run) {
	pool_put(run, run->nchunks * CHUNK_PAGES);
	assert_true(pool_check());
}

/* The run in the pool at an address, with all its chunks registered for it; or NULL. */
static struct run *free_at(const char *address) {
	struct run *run = (struct run *)pagemap_owner(address);
	if (!run || run->owner.kind != OWNER_FREE)
		return NULL;
	for (size_t i = 0; i < run->nchunks; i++)
		assert_ptr_equal(pagemap_owner(run->base + i * CHUNK_SIZE), &run->owner);
	return run;
}

TEST(a_run_is_zero_at_first_and_serves_again) {
	struct run *run = take(3);
	char *base = run->base;
	assert_int_equal(run->ndirty, 0);
	assert_true(is_zero(base, bytes_of(run)));
	memset(base, 1, bytes_of(run));
	put(run);
	assert_int_equal(pool_count().npages, 3 * CHUNK_PAGES);
	run = take(3);
	assert_ptr_equal(run->base, base);
	assert_int_equal(run->ndirty, 3 * CHUNK_PAGES);
	assert_int_equal(pool_count().nruns, 0);
	put(run);
}

TEST(a_longer_run_serves_with_its_first_chunks) {
	struct run *run = take(9);
	char *base = run->base;
	put(run);
	struct run *part = take(2);
	assert_ptr_equal(part->base, base);
	assert_int_equal(free_at(base + 2 * CHUNK_SIZE)->nchunks, 7);
	put(part);
	assert_int_equal(free_at(base)->nchunks, 9);
}

TEST(the_shortest_run_that_is_long_enough_serves) {
	struct run *all = take(64);
	char *base = all->base;
	put(all);
	struct run *walls[8], *runs[8]; /* runs of 1 to 8 chunks with a wall behind each */
	for (size_t i = 0; i < 8; i++) {
		runs[i] = take(i + 1);
		walls[i] = take(1);
	}
	char *places[8];
	for (size_t i = 0; i < 8; i++) {
		places[i] = runs[i]->base;
		put(runs[i]);
	}
	for (size_t i = 0; i < 8; i++) {
		struct run *run = take(i + 1);
		assert_ptr_equal(run->base, places[i]);
		runs[i] = run;
	}
	for (size_t i = 0; i < 8; i++) {
		put(runs[i]);
		put(walls[i]);
	}
	assert_int_equal(free_at(base)->nchunks, 64);
}

TEST(neighbours_coalesce_in_every_order) {
	static const unsigned char orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
	                                           {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	for (int i = 0; i < 6; i++) {
		struct run *run = take(12), *parts[3];
		char *base = run->base;
		put(run);
		for (int k = 0; k < 3; k++)
			parts[k] = take(4);
		for (int k = 0; k < 3; k++)
			put(parts[orders[i][k]]);
		assert_int_equal(pool_count().nruns, 1);
		assert_int_equal(free_at(base)->nchunks, 12);
		assert_int_equal(pool_count().ndirty, 12 * CHUNK_PAGES);
	}
}

TEST(runs_of_different_advice_do_not_coalesce) {
	struct run *run = take(4);
	put(run);
	struct run *one = take(2), *two = take(2);
	pool_advise(one, ADVICE_HUGE);
	assert_int_equal(one->advice, ADVICE_HUGE);
	put(one);
	put(two);
	assert_int_equal(pool_count().nruns, 2);
}

TEST(a_run_grows_where_the_pool_or_the_kernel_has_what_lies_behind) {
	struct run *run = take(8);
	char *base = run->base;
	put(run);
	struct run *part = take(3);
	assert_true(pool_lengthen(part, 5));
	assert_ptr_equal(part->base, base);
	assert_int_equal(part->nchunks, 5);
	assert_int_equal(free_at(base + 5 * CHUNK_SIZE)->nchunks, 3);
	assert_true(pool_lengthen(part, 8));
	assert_int_equal(pool_count().nruns, 0);
	assert_true(pool_shorten(part, 2));
	assert_int_equal(part->nchunks, 2);
	assert_int_equal(free_at(base + 2 * CHUNK_SIZE)->nchunks, 6);
	struct run *wall = take(6);
	assert_false(pool_lengthen(part, 3)); /* in use */
	put(wall);
	pool_trim();
	assert_true(pool_lengthen(part, 4)); /* the kernel has it */
	assert_true(is_zero(base + 2 * CHUNK_SIZE, 2 * CHUNK_SIZE));
	put(part);
}

TEST(what_the_pool_lacks_of_a_run_the_kernel_gives) {
	struct run *run = take(6);
	char *base = run->base, *end = base + bytes_of(run);
	memset(base, 1, bytes_of(run));
	put(run);
	asked_beside = 0;
	run = take(9); /* six of them are there */
	assert_int_equal(asked_beside, 3 * CHUNK_SIZE);
	assert_true(run->base == base || run->base + bytes_of(run) == end);
	assert_int_equal(run->ndirty, 6 * CHUNK_PAGES);
	assert_int_equal(pool_count().nruns, 0);
	put(run);
}

/* The longest run is long enough then, and must not be lengthened by less than nothing. */
TEST(a_run_that_cannot_be_cut_stays_whole) {
	struct run *run = take(10);
	char *base = run->base;
	put(run);
	no_metadata = true;
	asked_beside = 0;
	run = pool_take(4, CHUNK_SIZE);
	assert_int_equal(asked_beside, 0);
	assert_false(no_metadata);
	assert_non_null(run); /* new addresses */
	assert_int_equal(run->nchunks, 4);
	assert_int_equal(free_at(base)->nchunks, 10);
	assert_true(pool_check());
	put(run);
}

TEST(an_alignment_is_kept) {
	for (size_t align = CHUNK_SIZE; align <= (size_t)1 << 30; align *= 8) {
		struct run *run = pool_take(2, align);
		assert_int_equal((uintptr_t)run->base % align, 0);
		put(run);
		run = pool_take(2, align);
		assert_int_equal((uintptr_t)run->base % align, 0);
		put(run);
	}
}

TEST(the_oldest_run_is_unmapped_first_and_no_more_than_asked) {
	struct run *all = take(40), *runs[20];
	put(all);
	for (int i = 0; i < 20; i++)
		runs[i] = take(2);
	char *oldest = runs[0]->base, *next = runs[2]->base, *newest = runs[18]->base;
	for (int i = 0; i < 20; i += 2)
		put(runs[i]);
	assert_int_equal(pool_unmap(1), CHUNK_PAGES); /* its last chunk */
	assert_false(is_mapped(oldest + CHUNK_SIZE, CHUNK_SIZE));
	assert_int_equal(free_at(oldest)->nchunks, 1);
	assert_int_equal(pool_unmap(2 * CHUNK_PAGES), CHUNK_PAGES); /* one run at a time */
	assert_null(pagemap_owner(oldest));
	assert_int_equal(pool_unmap(SIZE_MAX), 2 * CHUNK_PAGES);
	assert_false(is_mapped(next, 2 * CHUNK_SIZE));
	assert_int_equal(free_at(newest)->nchunks, 2);
	assert_int_equal(pool_count().nruns, 8);
	for (int i = 1; i < 20; i += 2)
		put(runs[i]);
	pool_trim();
	assert_int_equal(pool_unmap(SIZE_MAX), 0);
}

/* Addresses without memory count half. */
TEST(what_may_hold_data_is_published) {
	struct run *run = take(8);
	pool_put(run, 3 * CHUNK_PAGES);
	assert_int_equal(ledger_purgeable_in(LEDGER_POOL), 4 * CHUNK_PAGES);
	run = take(8);
	assert_int_equal(ledger_purgeable_in(LEDGER_POOL), 0);
	pool_put(run, 5 * CHUNK_PAGES);
	assert_int_equal(ledger_purgeable_in(LEDGER_POOL), 5 * CHUNK_PAGES);
}

TEST(a_run_over_a_gigabyte_is_not_kept) {
	struct run *run = take(513);
	char *base = run->base;
	put(run);
	assert_int_equal(pool_count().npages, 0);
	assert_null(pagemap_owner(base));
}

/* A random mix beside an array that says whose each chunk is. */
TEST(no_two_runs_overlap_at_random) {
	enum { N = 24 };
	struct run *runs[N] = {NULL};
	uint64_t seed = 3;
	config.hold = 50;
	for (int i = 0; i < 4000; i++) {
		unsigned at = next_random(&seed) % N;
		struct run *run = runs[at];
		if (!run) {
			run = runs[at] = take(1 + next_random(&seed) % 12);
		} else if (next_random(&seed) % 3 == 0) {
			size_t nchunks = 1 + next_random(&seed) % 16;
			if (nchunks < run->nchunks)
				assert_true(pool_shorten(run, nchunks));
			else if (nchunks > run->nchunks)
				pool_lengthen(run, nchunks);
		} else {
			for (size_t k = 0; k < run->nchunks; k++)
				assert_int_equal(run->base[k * CHUNK_SIZE], (char)at);
			put(run);
			if (pool_count().nruns > 12)
				pool_unmap(CHUNK_PAGES);
			runs[at] = NULL;
			continue;
		}
		for (size_t k = 0; k < run->nchunks; k++) {
			assert_ptr_equal(pagemap_owner(run->base + k * CHUNK_SIZE), &run->owner);
			run->base[k * CHUNK_SIZE] = (char)at;
		}
	}
	for (int i = 0; i < N; i++)
		if (runs[i])
			put(runs[i]);
	config.hold = 6;
}

TEST(no_memory_is_an_answer) {
	assert_null(pool_take((size_t)1 << 30, CHUNK_SIZE));
	assert_null(pool_take(1, (size_t)1 << 62));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, nothing, nothing)

int main(void) {
	const struct CMUnitTest tests[] = {
	        CASE(a_run_is_zero_at_first_and_serves_again),
	        CASE(a_longer_run_serves_with_its_first_chunks),
	        CASE(the_shortest_run_that_is_long_enough_serves),
	        CASE(neighbours_coalesce_in_every_order),
	        CASE(runs_of_different_advice_do_not_coalesce),
	        CASE(a_run_grows_where_the_pool_or_the_kernel_has_what_lies_behind),
	        CASE(what_the_pool_lacks_of_a_run_the_kernel_gives),
	        CASE(a_run_that_cannot_be_cut_stays_whole),
	        CASE(an_alignment_is_kept),
	        CASE(the_oldest_run_is_unmapped_first_and_no_more_than_asked),
	        CASE(what_may_hold_data_is_published),
	        CASE(a_run_over_a_gigabyte_is_not_kept),
	        CASE(no_two_runs_overlap_at_random),
	        CASE(no_memory_is_an_answer),
	};
	return RUN(tests);
}

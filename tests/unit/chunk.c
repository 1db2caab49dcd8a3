/* chunk.c: spans of pages: where they lie, what they contain, how they grow, and what goes back to the
 * kernel. Linked with --wrap=os_milliseconds: the clock is the test's. */
#include "unit.h"

#include "back/chunk.h"
#include "ground/config.h"
#include "policy/reclaim.h"

/* Pages live in large blocks, as the policy is told: beside them 2 MB are held without a reason. */
enum { BESIDE = 2000 };

static uint64_t now, per_look = 2000; /* milliseconds; two seconds at every look: nothing is ever refaulted */

uint64_t __wrap_os_milliseconds(void);
uint64_t __wrap_os_milliseconds(void) { return now += per_look; }

static uint64_t exact, exact_per_look; /* microseconds */

uint64_t __wrap_os_microseconds(void);
uint64_t __wrap_os_microseconds(void) { return exact += exact_per_look; }

static void (*amid_purge)(void); /* done at the next purge, once */

bool __real_os_purge(void *address, size_t size);
bool __wrap_os_purge(void *address, size_t size);
bool __wrap_os_purge(void *address, size_t size) {
	void (*act)(void) = amid_purge;
	amid_purge = NULL;
	if (act)
		act();
	return __real_os_purge(address, size);
}

/* Every test starts and ends without a chunk. */
static int no_chunk(void **state) {
	(void)state;
	per_look = 2000;
	config.hold = 6;
	ledger_publish(LEDGER_LARGE, BESIDE, 0);
	chunk_trim();
	return chunk_count().chunks == 0 && chunk_count().used_pages == 0 && chunk_count().dirty_pages == 0
	               ? 0
	               : -1;
}

static void check(void) {
	lock_take(&chunk_lock);
	int broken = chunk_check();
	lock_release(&chunk_lock);
	assert_int_equal(broken, 0);
}

static struct span take(unsigned npages, unsigned align_order) {
	struct span span = chunk_take(npages, align_order);
	assert_non_null(span.base);
	assert_int_equal((uintptr_t)span.base % (PAGE_SIZE << align_order), 0);
	assert_ptr_equal(pagemap_owner(span.base), &span.chunk->owner);
	assert_in_range((uintptr_t)span.base, (uintptr_t)span.chunk->base,
	                (uintptr_t)span.chunk->base + CHUNK_SIZE - npages * PAGE_SIZE);
	assert_int_equal(chunk_span_at(span.chunk, span.base), npages);
	return span;
}

/* Gives a span back of which every page may hold data. */
static void put(struct span span, unsigned npages) {
	assert_int_equal(chunk_span_at(span.chunk, span.base), npages);
	assert_true(chunk_put(span.chunk, span.base, UINT16_MAX));
	reclaim(0); /* as free does */
}

/* ---- taking ---- */

TEST(a_span_of_every_length) {
	for (unsigned npages = 1; npages <= CHUNK_PAGES; npages++) {
		size_t before = chunk_count().used_pages;
		struct span span = take(npages, 0);
		memset(span.base, 1, npages * PAGE_SIZE);
		assert_int_equal(chunk_count().used_pages, before + npages); /* no page more */
		check();
		put(span, npages);
		check();
	}
}

TEST(spans_are_aligned_on_request) {
	struct span spans[3 * (CHUNK_ORDER + 1)];
	for (unsigned i = 0; i < 3 * (CHUNK_ORDER + 1); i++) {
		spans[i] = take(1 + i % 3, i / 3);
		check();
	}
	for (unsigned i = 0; i < 3 * (CHUNK_ORDER + 1); i++)
		put(spans[i], 1 + i % 3);
	check();
}

TEST(live_spans_are_apart) {
	enum { N = 300 };
	static struct span spans[N];
	static unsigned npages[N];
	uint64_t seed = 21;
	for (int i = 0; i < N; i++) {
		npages[i] = 1 + next_random(&seed) % (i % 10 ? 12 : 200);
		spans[i] = take(npages[i], 0);
		memset(spans[i].base, i, npages[i] * PAGE_SIZE);
	}
	check();
	for (int i = 0; i < N; i++)
		assert_true(is_filled(spans[i].base, i, npages[i] * PAGE_SIZE));
	for (int i = 0; i < N; i++)
		put(spans[i], npages[i]);
	check();
}

TEST(the_fuller_chunk_serves) {
	struct span fuller[8], sparse[8], probe;
	for (int i = 0; i < 8; i++)
		fuller[i] = take(64, 6);
	for (int i = 0; i < 8; i++)
		sparse[i] = take(64, 6);
	assert_ptr_not_equal(fuller[0].chunk, sparse[0].chunk);
	put(fuller[3], 64);
	for (int i = 0; i < 7; i++)
		put(sparse[i], 64);
	probe = take(64, 6);
	assert_ptr_equal(probe.base, fuller[3].base);
	put(probe, 64);
	probe = take(3, 0); /* also when the sparse chunk has the same order free */
	assert_ptr_equal(probe.chunk, fuller[0].chunk);
	put(probe, 3);
	for (int i = 0; i < 8; i++)
		if (i != 3)
			put(fuller[i], 64);
	put(sparse[7], 64);
	check();
}

TEST(the_peak_is_kept) {
	size_t before = chunk_count().peak_pages;
	struct span spans[8];
	for (int i = 0; i < 8; i++)
		spans[i] = take(512, 0);
	size_t peak = chunk_count().peak_pages;
	assert_true(peak >= 8 * 512 && peak >= before);
	for (int i = 0; i < 8; i++)
		put(spans[i], 512);
	assert_int_equal(chunk_count().peak_pages, peak);
}

/* ---- the best run ---- */

/* A chunk of single pages; and some of them given back, as written or not. */
static struct span single_pages(void) {
	struct span first = take(1, 0);
	for (unsigned page = 1; page < CHUNK_PAGES; page++)
		assert_ptr_equal(take(1, 0).base, first.base + page * PAGE_SIZE);
	return first;
}

static void give(struct span first, unsigned page, unsigned n, bool dirty) {
	for (unsigned i = 0; i < n; i++)
		chunk_put(first.chunk, first.base + (page + i) * PAGE_SIZE, dirty);
}

static void give_all(struct span first) {
	for (unsigned page = 0; page < CHUNK_PAGES; page++) {
		unsigned n = chunk_span_at(first.chunk, first.base + page * PAGE_SIZE);
		if (n)
			chunk_put(first.chunk, first.base + page * PAGE_SIZE, UINT16_MAX);
	}
	check();
}

TEST(a_run_serves_though_no_block_of_it_is_long_enough) {
	struct span first = single_pages();
	give(first, 1, 3, true); /* blocks of one page and of two */
	give(first, 101, 6, true);
	check();
	assert_ptr_equal(take(3, 0).base, first.base + PAGE_SIZE);
	check();
	assert_ptr_equal(take(6, 0).base, first.base + 101 * PAGE_SIZE);
	check();
	give_all(first);
}

TEST(pages_that_the_kernel_has_given_are_taken_first) {
	struct span first = single_pages();
	give(first, 10, 4, false);
	give(first, 30, 2, false); /* a run of six whose end was written */
	give(first, 32, 4, true);
	give(first, 50, 4, true); /* one as good, and shorter */
	assert_ptr_equal(take(4, 0).base, first.base + 50 * PAGE_SIZE);
	assert_ptr_equal(take(4, 0).base, first.base + 32 * PAGE_SIZE);
	check();
	assert_ptr_equal(take(2, 0).base, first.base + 30 * PAGE_SIZE);
	assert_ptr_equal(take(4, 0).base, first.base + 10 * PAGE_SIZE);
	give_all(first);
}

/* ---- clean and dirty ---- */

TEST(clean_means_zero_and_used_is_not_clean) {
	struct span span = take(20, 0);
	assert_true(span.clean);
	assert_int_equal(span.dirty, 0);
	assert_true(is_zero(span.base, 20 * PAGE_SIZE));
	memset(span.base, 1, 20 * PAGE_SIZE);
	put(span, 20);
	struct span again = take(20, 0);
	assert_ptr_equal(again.base, span.base);
	assert_false(again.clean);
	assert_int_equal(again.dirty, UINT16_MAX);
	put(again, 20);
}

TEST(pages_never_written_stay_clean) {
	struct span span = take(16, 0);
	memset(span.base + 3 * PAGE_SIZE, 1, 2 * PAGE_SIZE);
	chunk_put(span.chunk, span.base, 3 << 3);
	assert_int_equal(chunk_count().dirty_pages, 2);
	check();
	struct span again = take(16, 0);
	assert_ptr_equal(again.base, span.base);
	assert_false(again.clean);
	assert_int_equal(again.dirty, 3 << 3);
	chunk_put(again.chunk, again.base, again.dirty);
	struct span front = take(2, 0);
	assert_ptr_equal(front.base, span.base);
	assert_true(front.clean);
	assert_true(is_zero(front.base, 2 * PAGE_SIZE));
	chunk_put(front.chunk, front.base, 0);
}

/* The 16 bits of `dirty` are right at every page, also where they straddle two words of the chunk's own
 * bits. */
TEST(dirty_is_right_at_every_page) {
	struct span all = take(CHUNK_PAGES, 0), pages[CHUNK_PAGES];
	chunk_put(all.chunk, all.base, UINT16_MAX);
	chunk_trim();
	for (unsigned i = 0; i < CHUNK_PAGES; i++)
		pages[i] = take(1, 0);
	for (unsigned i = 0; i < CHUNK_PAGES; i++)
		chunk_put(pages[i].chunk, pages[i].base, i % 3 == 0);
	assert_int_equal(chunk_count().dirty_pages, (CHUNK_PAGES + 2) / 3);
	check();
	for (unsigned i = 0; i < CHUNK_PAGES; i++) {
		struct span span = take(1, 0);
		unsigned page = chunk_page(span.base);
		for (unsigned k = 0; k < 16 && page + k < CHUNK_PAGES; k++)
			assert_int_equal(span.dirty >> k & 1, (page + k) % 3 == 0);
		assert_int_equal(span.clean, page % 3 != 0);
		pages[i] = span;
	}
	for (unsigned i = 0; i < CHUNK_PAGES; i++)
		put(pages[i], 1);
	check();
}

TEST(every_clean_span_is_zero_at_random) {
	enum { N = 60 };
	static struct span spans[N];
	static unsigned npages[N];
	uint64_t seed = 33;
	unsigned clean = 0;
	for (int i = 0; i < 3000; i++) {
		unsigned at = next_random(&seed) % N;
		if (spans[at].base)
			put(spans[at], npages[at]);
		npages[at] = 1 + next_random(&seed) % 40;
		spans[at] = take(npages[at], next_random(&seed) % 8 == 0 ? 3 : 0);
		clean += spans[at].clean;
		assert_true(!spans[at].clean || is_zero(spans[at].base, npages[at] * PAGE_SIZE));
		for (unsigned page = 0; page < 16 && page < npages[at]; page++)
			assert_true(spans[at].dirty >> page & 1 ||
			            is_zero(spans[at].base + page * PAGE_SIZE, PAGE_SIZE));
		memset(spans[at].base, 0xee, npages[at] * PAGE_SIZE);
		if (i % 250 == 0) {
			chunk_trim();
			check();
		}
	}
	assert_true(clean > 60);
	for (int i = 0; i < N; i++) {
		put(spans[i], npages[i]);
		spans[i].base = NULL;
	}
}

/* ---- by address ---- */

TEST(only_the_start_of_a_live_span_is_one) {
	struct span span = take(5, 0), other = take(2, 0);
	unsigned npages;
	assert_false(chunk_put(span.chunk, span.base + 1, 0));
	assert_false(chunk_put(span.chunk, span.base + PAGE_SIZE, 0));
	assert_int_equal(chunk_span_at(span.chunk, span.base + 16), 0);
	assert_int_equal(chunk_span_at(span.chunk, span.base + PAGE_SIZE), 0);
	assert_ptr_equal(chunk_span_around(span.chunk, span.base + 5 * PAGE_SIZE - 1, &npages), span.base);
	assert_int_equal(npages, 5);
	assert_ptr_equal(other.base,
	                 span.base + 5 * PAGE_SIZE); /* no page between them is lost to rounding */
	assert_ptr_equal(chunk_span_around(span.chunk, other.base, &npages), other.base);
	assert_null(chunk_span_around(span.chunk, span.base + 7 * PAGE_SIZE, &npages)); /* free */
	put(span, 5);
	assert_false(chunk_put(span.chunk, span.base, 0));
	assert_int_equal(chunk_span_at(span.chunk, span.base), 0);
	assert_null(chunk_span_around(span.chunk, span.base, &npages));
	check();
	put(other, 2);
}

/* ---- growing and shrinking ---- */

TEST(a_span_grows_and_shrinks_in_place) {
	struct span span = take(1, 0);
	uint64_t seed = 4;
	unsigned npages = 1;
	for (int i = 0; i < 500; i++) {
		unsigned wanted = 1 + next_random(&seed) % CHUNK_PAGES,
		         kept = wanted < npages ? wanted : npages;
		memset(span.base, i, npages * PAGE_SIZE);
		assert_true(chunk_resize(span.chunk, span.base, wanted));
		assert_true(is_filled(span.base, i, kept * PAGE_SIZE));
		assert_int_equal(chunk_span_at(span.chunk, span.base), wanted);
		assert_int_equal(chunk_count().used_pages, wanted);
		check();
		npages = wanted;
	}
	put(span, npages);
}

TEST(what_a_span_gives_up_is_dirty) {
	struct span span = take(8, 0);
	assert_true(chunk_resize(span.chunk, span.base, 3));
	assert_int_equal(chunk_count().dirty_pages, 5);
	check();
	put(span, 3);
}

TEST(a_span_does_not_grow_over_its_neighbour_or_the_end) {
	struct span span = take(4, 0), neighbour = take(4, 0);
	assert_ptr_equal(neighbour.base, span.base + 4 * PAGE_SIZE);
	assert_false(chunk_resize(span.chunk, span.base, 5));
	assert_int_equal(chunk_span_at(span.chunk, span.base), 4);
	assert_true(chunk_resize(span.chunk, span.base, 2));
	assert_true(chunk_resize(span.chunk, span.base, 4));
	assert_false(chunk_resize(neighbour.chunk, neighbour.base, CHUNK_PAGES - 3)); /* one past the end */
	assert_true(chunk_resize(neighbour.chunk, neighbour.base, CHUNK_PAGES - 4));
	assert_true(chunk_resize(neighbour.chunk, neighbour.base, 3));
	check();
	put(span, 4);
	put(neighbour, 3);
	check();
}

/* ---- huge pages ---- */

/* Fills n chunks and counts those that ask for huge pages. */
static unsigned count_huge(unsigned n) {
	enum { MOST = 400 };
	static struct span spans[MOST];
	unsigned huge = 0;
	assert_true(n <= MOST);
	for (unsigned i = 0; i < n; i++) {
		spans[i] = take(CHUNK_PAGES, 0);
		huge += spans[i].chunk->huge;
		assert_false(i < 20 && spans[i].chunk->huge); /* a small heap never does */
	}
	for (unsigned i = 0; i < n; i++)
		put(spans[i], CHUNK_PAGES);
	return huge;
}

TEST(a_dense_heap_asks_for_huge_pages_while_they_come_quickly) {
	config.huge_pages = false;
	assert_int_equal(count_huge(24), 0);
	config.huge_pages = true;
	exact_per_look = 500; /* 2 MB in 500 us: as small pages would come */
	assert_int_equal(count_huge(30), 10);
	exact_per_look = 501;
	assert_int_equal(count_huge(300), 2); /* one is slow, 256 go without, the next is slow again */
	exact_per_look = 0;
	assert_int_equal(count_huge(300), 0); /* then 512 go without: 22 above, 280 here, … */
	assert_int_equal(count_huge(300), 280 - 210);
}

/* ---- giving back ---- */

TEST(a_trim_takes_free_pages_and_leaves_the_others_alone) {
	enum { N = 200 };
	const unsigned pages = 5 * (unsigned)(os_page_size() / PAGE_SIZE);
	static struct span spans[N];
	for (int i = 0; i < N; i++) {
		spans[i] = take(pages, 0);
		memset(spans[i].base, i, pages * PAGE_SIZE);
	}
	config.hold = 1000; /* nothing goes back by itself */
	for (int i = 0; i < N; i += 2)
		put(spans[i], pages);
	assert_true(chunk_count().dirty_pages > 0);
	assert_true(chunk_trim());
	assert_int_equal(chunk_count().dirty_pages, 0);
	check();
	for (int i = 1; i < N; i += 2)
		assert_true(is_filled(spans[i].base, i, pages * PAGE_SIZE));
	for (int i = 0; i < N; i += 2) /* the pages lie between live ones: still mapped, but not in memory */
		assert_int_equal(resident_pages(spans[i].base, pages * PAGE_SIZE), 0);
	assert_false(chunk_trim());
	for (int i = 0; i < N; i += 2) {
		spans[i] = take(pages, 0);
		assert_true(spans[i].clean && is_zero(spans[i].base, pages * PAGE_SIZE));
	}
	for (int i = 0; i < N; i++)
		put(spans[i], pages);
}

/* Spans of an odd length, so that a kernel's larger page is free in part; those of it that are whole go,
 * in every chunk, and each of them is asked for once. */
TEST(a_trim_takes_whole_pages_of_the_kernel) {
	enum { N = 600, PAGES = 37 };
	static struct span spans[N];
	size_t size = os_page_size();
	config.hold = 1000;
	for (int i = 0; i < N; i++) {
		spans[i] = take(PAGES, 0);
		memset(spans[i].base, 1, PAGES * PAGE_SIZE);
	}
	for (int i = 0; i < N; i += 2)
		put(spans[i], PAGES);
	assert_true(chunk_trim());
	assert_false(chunk_trim());
	check();
	for (int i = 0; i < N; i += 2) {
		char *end = spans[i].base + PAGES * PAGE_SIZE;
		for (char *at = spans[i].base + -(uintptr_t)spans[i].base % size; at + size <= end;
		     at += size)
			assert_int_equal(resident_pages(at, size), 0);
		assert_true(is_filled(spans[i + 1].base, 1, PAGES * PAGE_SIZE));
	}
	for (int i = 1; i < N; i += 2)
		put(spans[i], PAGES);
}

TEST(dirty_pages_stay_within_the_bound) {
	NEEDS_SMALL_PAGES;
	enum { N = 4000 };
	static struct span spans[N];
	uint64_t seed = 8;
	for (int i = 0; i < N; i++) {
		spans[i] = take(4, 0);
		memset(spans[i].base, 1, PAGE_SIZE);
	}
	for (int i = 0; i < N; i++) {
		int other = (int)(next_random(&seed) % N);
		struct span swapped = spans[i];
		spans[i] = spans[other];
		spans[other] = swapped;
	}
	for (int i = 0; i < N; i++) {
		put(spans[i], 4);
		struct chunk_totals totals = chunk_count();
		assert_true(totals.dirty_pages <= 512 + (BESIDE + totals.used_pages) * 6 / 100);
	}
	check();
}

/* Frees and asks again for the same memory in phases; the pages that had to come from the kernel in the last
 * phase. */
static size_t clean_after_phases(int phases) {
	enum { N = 1000 };
	static struct span spans[N];
	size_t clean = 0;
	for (int phase = 0; phase < phases; phase++) {
		clean = 0;
		for (int i = 0; i < N; i++) {
			spans[i] = take(4, 0);
			clean += spans[i].clean;
			memset(spans[i].base, 1, 4 * PAGE_SIZE);
		}
		for (int i = 0; i < N; i++)
			put(spans[i], 4);
	}
	return clean;
}

TEST(phases_within_a_second_come_to_pay_nothing) {
	now += 2000; /* what the tests before gave back is past refaulting */
	per_look = 0;
	assert_int_not_equal(clean_after_phases(2), 0);
	assert_int_equal(clean_after_phases(6), 0);
	per_look = 2000;
	for (int call = 0; call < 16; call++)
		reclaim(0); /* a quiet time: the growth is forgotten, and what it held goes back */
	assert_in_range(chunk_count().dirty_pages, 0, 512);
	assert_int_not_equal(clean_after_phases(1), 0);
	check();
}

TEST(empty_chunks_are_unmapped) {
	enum { N = 40 };
	struct span spans[N];
	for (int i = 0; i < N; i++)
		spans[i] = take(CHUNK_PAGES, 0);
	assert_int_equal(chunk_count().chunks, N);
	for (int i = 0; i < N; i++)
		chunk_put(spans[i].chunk, spans[i].base, 0);
	assert_in_range(chunk_count().chunks, 0, 2); /* a spare one, and what the last bound allowed */
	chunk_trim();
	assert_int_equal(chunk_count().chunks, 0);
	for (int i = 0; i < N; i++) {
		assert_null(pagemap_owner(spans[i].base));
		assert_false(is_mapped(spans[i].base, CHUNK_SIZE));
	}
}

TEST(one_empty_chunk_is_kept_for_the_next) {
	struct span span = take(1, 0);
	char *base = span.base;
	for (int i = 0; i < 10; i++) {
		put(span, 1);
		assert_int_equal(chunk_count().chunks, 1);
		span = take(1, 0);
		assert_ptr_equal(span.base, base);
	}
	put(span, 1);
}

static struct {
	size_t used;
	int status;
} forked;

static void expect_the_pages_back(void *unused) {
	(void)unused;
	chunk_after_fork();
	check();
	assert_int_equal(chunk_count().used_pages, forked.used);
}

static void fork_amid_purge(void) { forked.status = status_of(expect_the_pages_back, NULL); }

TEST(a_fork_amid_a_purge_leaves_the_child_every_page) {
	struct span kept = take(3, 0), freed = take(200, 0), last = take(5, 0);
	memset(freed.base, 1, 200 * PAGE_SIZE);
	put(freed, 200);
	forked.used = chunk_count().used_pages;
	forked.status = -1;
	amid_purge = fork_amid_purge;
	assert_true(chunk_trim());
	assert_true(exited_well(forked.status));
	assert_int_equal(chunk_count().used_pages, forked.used);
	put(kept, 3);
	put(last, 5);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, no_chunk, no_chunk)

int main(void) {
	const struct CMUnitTest tests[] = {
	        CASE(a_span_of_every_length),
	        CASE(spans_are_aligned_on_request),
	        CASE(live_spans_are_apart),
	        CASE(the_fuller_chunk_serves),
	        CASE(the_peak_is_kept),
	        CASE(a_run_serves_though_no_block_of_it_is_long_enough),
	        CASE(pages_that_the_kernel_has_given_are_taken_first),
	        CASE(clean_means_zero_and_used_is_not_clean),
	        CASE(pages_never_written_stay_clean),
	        CASE(dirty_is_right_at_every_page),
	        CASE(every_clean_span_is_zero_at_random),
	        CASE(only_the_start_of_a_live_span_is_one),
	        CASE(a_span_grows_and_shrinks_in_place),
	        CASE(what_a_span_gives_up_is_dirty),
	        CASE(a_span_does_not_grow_over_its_neighbour_or_the_end),
	        CASE(a_dense_heap_asks_for_huge_pages_while_they_come_quickly),
	        CASE(a_trim_takes_free_pages_and_leaves_the_others_alone),
	        CASE(a_trim_takes_whole_pages_of_the_kernel),
	        CASE(dirty_pages_stay_within_the_bound),
	        CASE(phases_within_a_second_come_to_pay_nothing),
	        CASE(empty_chunks_are_unmapped),
	        CASE(one_empty_chunk_is_kept_for_the_next),
	        CASE(a_fork_amid_a_purge_leaves_the_child_every_page),
	};
	return RUN(tests);
}

/* reclaim.c: the bound on free memory, and who gives what is beyond it. Linked with --wrap for os_milliseconds and
 * os_microseconds, the clocks being the test's, and os_purge. */
#include "unit.h"

#include "back/chunk.h"
#include "back/pool.h"
#include "ground/config.h"
#include "middle/central.h"
#include "policy/reclaim.h"

enum { PEAK = 1000 };

static uint64_t now;                   /* milliseconds */
static uint64_t exact, exact_per_look; /* microseconds */
static bool refuses;                   /* the kernel */
static unsigned purges;
static void (*amid_purge)(void); /* done at the next purge, once */

uint64_t __wrap_os_milliseconds(void);
uint64_t __wrap_os_milliseconds(void) { return now; }
uint64_t __wrap_os_microseconds(void);
uint64_t __wrap_os_microseconds(void) { return exact += exact_per_look; }

bool __real_os_purge(void *address, size_t size);
bool __wrap_os_purge(void *address, size_t size);
bool __wrap_os_purge(void *address, size_t size) {
	void (*act)(void) = amid_purge;
	amid_purge = NULL;
	purges++;
	if (act)
		act();
	return !refuses && __real_os_purge(address, size);
}

static void live(size_t npages) { ledger_publish(LEDGER_LARGE, npages, 0); }
static size_t has(enum ledger_store store) { return ledger_read(&ledger.stores[store].purgeable); }

/* Each test begins with nothing but PEAK pages live in large blocks, and nothing refaulted. */
static int setup(void **state) {
	(void)state;
	now += 1000000;
	exact_per_look = 0;
	refuses = false;
	purges = 0;
	config.hold = 6;
	central_trim();
	chunk_trim();
	ledger.refaulted = ledger.returned[0].npages = ledger.returned[1].npages = 0;
	ledger.peak = 0;
	live(PEAK);
	return ledger_purgeable() == 0 && ledger_live() == PEAK ? 0 : -1;
}

static void refault(size_t npages) {
	ledger_note_returned(LEDGER_OUTSIDE_SLABS, npages);
	ledger_note_wanted(LEDGER_OUTSIDE_SLABS, npages);
}

/* ---- the bound ---- */

TEST(it_is_a_base_and_a_share_of_the_live_memory) {
	live(0);
	assert_int_equal(reclaim_bound(), 64);
	live(1000);
	assert_int_equal(reclaim_bound(), 64 + 250 + 60);
	live(100000);
	assert_int_equal(reclaim_bound(), 512 + 6000);
	config.hold = 0;
	assert_int_equal(reclaim_bound(), 512);
	config.hold = 1000;
	assert_int_equal(reclaim_bound(), 512 + 1000000);
}

TEST(each_refault_lets_it_grow_by_two_pages_up_to_the_peak) {
	live(100); /* b = 64 + 25 + 6 */
	ledger.peak = PEAK;
	ledger.refaulted = 20;
	assert_int_equal(reclaim_bound(), 95 + 40);
	ledger.refaulted = 100000;
	assert_int_equal(reclaim_bound(), PEAK * 3 / 2 - 100);
	live(PEAK);
	ledger.peak = PEAK;
	assert_int_equal(reclaim_bound(), PEAK * 3 / 2 - PEAK);
	live(PEAK * 2);
	ledger.peak = PEAK; /* a later one counts; but b is there in any case */
	assert_int_equal(reclaim_bound(), 512 + 120);
}

/* Free slots on pages with live ones are there, though nobody has them: they leave less room to grow. */
TEST(what_no_purge_can_give_back_counts_as_there) {
	live(100);
	ledger.peak = PEAK;
	ledger.refaulted = 100000;
	size_t before = reclaim_bound();
	ledger_publish(LEDGER_CHUNKS, 300, 0);
	ledger_add_slots(300, 100, 50);
	assert_int_equal(ledger_live(), 100);
	assert_int_equal(reclaim_bound(), before - 150);
	ledger_add_slots(-300, -100, -50);
	ledger_publish(LEDGER_CHUNKS, 0, 0);
}

TEST(a_quiet_second_halves_the_growth_and_brings_the_peak_half_of_the_way_down) {
	refault(4000);
	live(PEAK / 2);
	now += 1000;
	reclaim_decay();
	assert_int_equal(ledger.refaulted, 4000);
	now += 1;
	reclaim_decay();
	assert_int_equal(ledger.refaulted, 2000);
	assert_int_equal(ledger.peak, PEAK * 3 / 4);
	reclaim_decay(); /* one second, one halving */
	assert_int_equal(ledger.refaulted, 2000);
	now += 3 * 1001; /* three of them */
	reclaim_decay();
	assert_int_equal(ledger.refaulted, 250);
	assert_int_equal(ledger.peak, PEAK / 2 + PEAK / 32);
	now += (uint64_t)1 << 40;
	reclaim_decay();
	assert_int_equal(ledger.refaulted, 0);
	assert_int_equal(ledger.peak, PEAK / 2);
}

/* As long as no more is free than b, reclaim does not look at the clock; beyond it, in each 16th call. */
TEST(what_is_kept_for_phases_goes_after_a_quiet_time) {
	refault(4000);
	ledger.peak = 3 * PEAK;
	struct span span = chunk_take(CHUNK_PAGES, 0), other = chunk_take(1, 0);
	chunk_put(span.chunk, span.base, UINT16_MAX);
	now += 900;
	for (int i = 0; i < 16; i++)
		reclaim(0);
	assert_int_equal(has(LEDGER_CHUNKS), CHUNK_PAGES);
	now += 60 * 1000;
	for (int i = 0; i < 16; i++)
		reclaim(0);
	assert_true(ledger_purgeable() <= reclaim_base());
	chunk_put(other.chunk, other.base, 0);
}

TEST(after_a_collapse_less_than_a_second_is_quiet) {
	refault(100);
	live(PEAK / 5);
	now += 51;
	reclaim_decay();
	assert_int_equal(ledger.refaulted, 50);
}

TEST(a_refault_keeps_the_growth) {
	for (unsigned phase = 1; phase < 20; phase++) {
		now += 900;
		refault(10);
		reclaim_decay();
		assert_int_equal(ledger.refaulted, 10 * phase);
	}
}

/* ---- who gives ---- */

/* Free pages of chunks, runs of 4 between spans that stay. */
enum { SPANS = 400 };
static struct span spans[SPANS];
static void make_chunk_pages(void) {
	for (int i = 0; i < SPANS; i++)
		spans[i] = chunk_take(4, 0);
	for (int i = 0; i < SPANS; i += 2)
		chunk_put(spans[i].chunk, spans[i].base, UINT16_MAX);
}
static void drop_chunk_pages(void) {
	for (int i = 1; i < SPANS; i += 2)
		chunk_put(spans[i].chunk, spans[i].base, UINT16_MAX);
}

/* Pages inside slabs of two classes: every eighth page keeps a slot. */
enum { SLOTS = 3200 };
static const unsigned classes[2] = {24, 32}; /* 512 bytes and 1 KB: 8 and 4 slots a page */
static void *slots[2][SLOTS];
static void make_slab_pages(void) {
	for (int c = 0; c < 2; c++) {
		for (unsigned taken = 0; taken < SLOTS;)
			taken += central_refill(classes[c], slots[c] + taken,
			                        (unsigned)min_size(SLOTS - taken, BATCH_MAX));
		for (int i = 0; i < SLOTS; i++)
			if (i % 64)
				central_flush(classes[c], &slots[c][i], 1);
	}
}
static void drop_slab_pages(void) {
	for (int c = 0; c < 2; c++)
		for (int i = 0; i < SLOTS; i += 64)
			central_flush(classes[c], &slots[c][i], 1);
}

TEST(within_the_bound_nothing_goes) {
	struct span span = chunk_take(100, 0);
	chunk_put(span.chunk, span.base, UINT16_MAX);
	reclaim(0);
	assert_int_equal(has(LEDGER_CHUNKS), 100);
	assert_int_equal(purges, 0);
}

TEST(what_is_beyond_goes_and_an_eighth_more) {
	NEEDS_SMALL_PAGES;
	live(0);
	make_chunk_pages();
	size_t bound = reclaim_bound(), before = has(LEDGER_CHUNKS);
	assert_true(before > bound);
	reclaim(0);
	assert_in_range(ledger_purgeable(), 1, bound - bound / 8);
	assert_int_equal(reclaim_bound(), bound);
	unsigned calls = purges;
	reclaim(0);
	assert_int_equal(purges, calls);
	drop_chunk_pages();
}

TEST(slabs_are_asked_last) {
	NEEDS_SMALL_PAGES;
	live(0);
	config.hold = 200;
	make_slab_pages();
	make_chunk_pages();
	struct span span = chunk_take(60, 0);
	chunk_put(span.chunk, span.base, UINT16_MAX);
	size_t in_slabs = has(LEDGER_SLOTS), bound = reclaim_bound();
	assert_true(in_slabs > 0 && in_slabs < bound - bound / 8 && ledger_purgeable() > bound);
	reclaim(0);
	assert_true(ledger_purgeable() <= bound);
	assert_int_equal(has(LEDGER_SLOTS), in_slabs);
	config.hold = 0;
	drop_chunk_pages();
	while (ledger_purgeable() > reclaim_bound())
		reclaim(0);
	assert_true(has(LEDGER_SLOTS) < in_slabs);
	for (int c = 0; c < 2; c++) /* each class has given, and none all */
		assert_in_range(central_count(classes[c]).purgeable_pages, 1, in_slabs / 2);
	drop_slab_pages();
}

TEST(the_pool_gives_too) {
	size_t bound = reclaim_bound();
	struct run *run = pool_take(8, CHUNK_SIZE);
	pool_put(run, 8 * CHUNK_PAGES);
	reclaim(0);
	assert_true(has(LEDGER_POOL) <= bound);
}

/* ---- how long it takes, and a kernel that refuses ---- */

TEST(one_call_takes_its_time_and_the_next_goes_on) {
	enum { N = 40 };
	struct run *runs[N];
	live(0);
	for (int i = 0; i < N; i++)
		runs[i] = pool_take(1, CHUNK_SIZE);
	for (int i = 0; i < N; i += 2) /* those between keep them from coalescing */
		pool_put(runs[i], CHUNK_PAGES);
	exact_per_look = RECLAIM_US / 2;
	size_t before = ledger_purgeable();
	reclaim(0);
	size_t after = ledger_purgeable();
	assert_true(after < before && after > before / 2);
	for (int i = 0; i < 2 * N; i++)
		reclaim(0);
	assert_true(ledger_purgeable() <= reclaim_bound());
	for (int i = 1; i < N; i += 2)
		pool_put(runs[i], 0);
}

TEST(a_kernel_that_refuses_is_left_alone_ever_longer) {
	NEEDS_SMALL_PAGES;
	live(0);
	make_chunk_pages();
	refuses = true;
	unsigned calls = 0;
	for (unsigned i = 0; i < 10000; i++, now++) {
		reclaim(0);
		calls += purges;
		purges = 0;
	}
	assert_in_range(calls, 10, 20); /* after 1, 3, 7 … 8191 ms, some of them twice */
	refuses = false;
	now += 10000;
	reclaim(0);
	assert_true(ledger_purgeable() <= reclaim_bound());
	drop_chunk_pages();
}

static void reclaim_in_child(void *unused) {
	(void)unused;
	chunk_after_fork();
	reclaim(0); /* another thread is at it, for all the child knows */
	assert_true(ledger_purgeable() > reclaim_bound());
	reclaim_after_fork();
	reclaim(0);
	assert_true(ledger_purgeable() <= reclaim_bound());
}

static int child_status;
static void fork_amid_purge(void) { child_status = status_of(reclaim_in_child, NULL); }

TEST(a_child_of_a_fork_amid_a_purge_can_give_back) {
	NEEDS_SMALL_PAGES;
	live(0);
	make_chunk_pages();
	child_status = -1;
	amid_purge = fork_amid_purge;
	reclaim(0);
	assert_true(exited_well(child_status));
	drop_chunk_pages();
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int main(void) {
	const struct CMUnitTest tests[] = {
	        CASE(it_is_a_base_and_a_share_of_the_live_memory),
	        CASE(each_refault_lets_it_grow_by_two_pages_up_to_the_peak),
	        CASE(what_no_purge_can_give_back_counts_as_there),
	        CASE(a_quiet_second_halves_the_growth_and_brings_the_peak_half_of_the_way_down),
	        CASE(what_is_kept_for_phases_goes_after_a_quiet_time),
	        CASE(after_a_collapse_less_than_a_second_is_quiet),
	        CASE(a_refault_keeps_the_growth),
	        CASE(within_the_bound_nothing_goes),
	        CASE(what_is_beyond_goes_and_an_eighth_more),
	        CASE(slabs_are_asked_last),
	        CASE(the_pool_gives_too),
	        CASE(one_call_takes_its_time_and_the_next_goes_on),
	        CASE(a_kernel_that_refuses_is_left_alone_ever_longer),
	        CASE(a_child_of_a_fork_amid_a_purge_can_give_back),
	};
	return RUN(tests);
}

/* central.c: refill and flush, what is wrong, hand-over between threads, and the scavenge of empty pages.
 * Linked with --wrap for os_milliseconds, the clock being the test's, chunk_take and os_purge. */
#include "unit.h"

#include "back/chunk.h"
#include "ground/config.h"
#include "ground/ledger.h"
#include "middle/central.h"
#include "ground/pagemap.h"
#include "middle/slab.h"
#include "wrong.h"

#include <pthread.h>

static uint64_t now;

uint64_t __wrap_os_milliseconds(void);
uint64_t __wrap_os_milliseconds(void) { return now += 2000; }

/* What another thread does while this one, without a lock, makes a slab. */
static void (*meanwhile)(void);

struct span __real_chunk_take(unsigned npages, unsigned align_order);
struct span __wrap_chunk_take(unsigned npages, unsigned align_order);
struct span __wrap_chunk_take(unsigned npages, unsigned align_order) {
	void (*act)(void) = meanwhile;
	meanwhile = NULL;
	if (act)
		act();
	return __real_chunk_take(npages, align_order);
}

/* What happens in the middle of a scavenge, when its slabs are isolated. */
static void (*amid_scavenge)(void);

bool __real_os_purge(void *address, size_t size);
bool __wrap_os_purge(void *address, size_t size);
bool __wrap_os_purge(void *address, size_t size) {
	void (*act)(void) = amid_scavenge;
	amid_scavenge = NULL;
	if (act)
		act();
	return __real_os_purge(address, size);
}

/* The words of the equation: every slot is with the caller, free in its slab, or in the depot. */
static void check(unsigned class, size_t taken) {
	struct central_totals totals = central_count(class);
	assert_true(central_check(class));
	assert_int_equal(totals.slots, taken + totals.free_slots + totals.depot_slots);
	assert_true(totals.clean_pages <= totals.slab_pages);
}

/* Every test starts and ends without a slab. */
static int no_slab(void **state) {
	(void)state;
	config.hold = 6;
	central_set_depot(false);
	central_trim();
	chunk_trim();
	for (unsigned class = 1; class < CLASSES; class ++)
		if (central_count(class).slabs || !central_check(class))
			return -1;
	return chunk_count().chunks == 0 ? 0 : -1;
}

/* Takes n slots of a class in batches. */
static void take(unsigned class, void **slots, size_t n) {
	for (size_t taken = 0; taken < n;) {
		unsigned got = central_refill(class, slots + taken, (unsigned)min_size(n - taken, BATCH_MAX));
		assert_int_not_equal(got, 0);
		taken += got;
	}
}

static void put(unsigned class, void **slots, size_t n) {
	for (size_t at = 0; at < n; at += BATCH_MAX)
		assert_null(flush_slots(class, slots + at, (unsigned)min_size(n - at, BATCH_MAX)).slot);
}

static void drop_empty_slabs(void) {
	central_trim();
	assert_null(take_wrong().slot);
}

TEST(slots_of_every_class) {
	enum { N = 300 };
	static void *slots[N];
	for (unsigned class = 1; class < CLASSES; class ++) {
		size_t n = min_size(N, 8 * 65536 / class_size(class));
		take(class, slots, n);
		check(class, n);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal((uintptr_t)slots[i] % QUANTUM, 0);
			assert_int_equal(pagemap_class(slots[i]), class);
			assert_ptr_equal(chunk_slab_of(slots[i]),
			                 chunk_slab_of((char *)slots[i] + class_size(class) - 1));
			memset(slots[i], (int)i, class_size(class));
		}
		for (size_t i = 0; i < n; i++)
			assert_true(is_filled(slots[i], (int)i, class_size(class)));
		size_t most = central_count(class).slab_pages;
		put(class, slots, n);
		check(class, 0);
		assert_in_range(central_count(class).slab_pages, 0,
		                8 + most / 4 + 15); /* wholly free slabs go back … */
		drop_empty_slabs();
		assert_int_equal(central_count(class).slabs, 0); /* … the last few by a scavenge */
	}
}

TEST(a_batch_rises_in_address_within_a_slab) {
	void *slots[BATCH_MAX];
	for (unsigned class = 1; class < CLASSES; class += 5) {
		unsigned n = central_refill(class, slots, BATCH_MAX);
		assert_int_not_equal(n, 0);
		for (unsigned i = 1; i < n; i++)
			assert_ptr_equal(slots[i], (char *)slots[i - 1] + class_size(class));
		put(class, slots, n);
	}
}

TEST(the_lowest_freed_slots_come_back_first) {
	enum { CLASS = 4, N = 60 }; /* 64 bytes: one page has 64 */
	void *slots[N], *again[3];
	take(CLASS, slots, N);
	void *freed[] = {slots[40], slots[7], slots[23]};
	put(CLASS, freed, 3);
	assert_int_equal(central_refill(CLASS, again, 3), 3);
	assert_ptr_equal(again[0], slots[7]);
	assert_ptr_equal(again[1], slots[23]);
	assert_ptr_equal(again[2], slots[40]);
	put(CLASS, slots, N);
}

TEST(slabs_grow_with_their_class) {
	enum { CLASS = 8, N = 40000 };
	static void *slots[N];
	void *first;
	take(CLASS, &first, 1);
	assert_int_equal(central_count(CLASS).slab_pages, 1);
	take(CLASS, slots, N);
	struct central_totals totals = central_count(CLASS);
	assert_true(totals.slab_pages / totals.slabs > 8);
	check(CLASS, N + 1);
	put(CLASS, slots, N);
	put(CLASS, &first, 1);
}

/* Of two slabs the one with fewer free slots serves, so that the other may drain. */
TEST(the_fuller_slab_serves) {
	enum { CLASS = 8, PER_PAGE = 32 };
	void *slots[2 * PER_PAGE], *again;
	take(CLASS, slots, 2 * PER_PAGE);
	assert_ptr_not_equal(chunk_slab_of(slots[0]), chunk_slab_of(slots[PER_PAGE]));
	put(CLASS, slots, PER_PAGE - 2); /* nearly empty */
	put(CLASS, slots + PER_PAGE, 4); /* nearly full */
	take(CLASS, &again, 1);
	assert_ptr_equal(again, slots[PER_PAGE]);
	put(CLASS, &again, 1);
	put(CLASS, slots + PER_PAGE - 2, 2);
	put(CLASS, slots + PER_PAGE + 4, PER_PAGE - 4);
}

TEST(slabs_move_between_the_lists_as_they_fill_and_drain) {
	enum { N = 3000 };
	static void *slots[N];
	uint64_t seed = 14;
	for (unsigned class = 2; class < CLASSES; class += 10) {
		size_t n = min_size(N, 3000000 / class_size(class)), live = n;
		take(class, slots, n);
		while (live) {
			size_t pick = next_random(&seed) % live;
			put(class, &slots[pick], 1);
			slots[pick] = slots[--live];
			if (live % 97 == 0)
				check(class, live);
			if (next_random(&seed) % 4 == 0)
				take(class, &slots[live++], 1);
		}
		check(class, 0);
	}
}

enum { RACED_CLASS = 8, RACED = 32 }; /* one slab */
static void *raced[RACED];

static void flush_some(void) { put(RACED_CLASS, raced, 10); }

TEST(a_flush_while_a_slab_is_made_leaves_none_unused) {
	void *slots[10];
	take(RACED_CLASS, raced, RACED);
	meanwhile = flush_some;
	unsigned n = central_refill(RACED_CLASS, slots, 10);
	assert_in_range(n, 1, 10);
	check(RACED_CLASS, RACED - 10 + n);
	put(RACED_CLASS, slots, n);
	put(RACED_CLASS, raced + 10, RACED - 10);
	check(RACED_CLASS, 0);
	drop_empty_slabs();
	assert_int_equal(central_count(RACED_CLASS).slabs, 0);
}

/* ---- what is wrong ---- */

static void assert_wrong(unsigned class, void *slot, size_t taken) {
	struct wrong wrong = flush_slots(class, &slot, 1);
	assert_ptr_equal(wrong.slot, slot);
	assert_int_equal(wrong.class, class);
	check(class, taken);
}

TEST(a_slot_that_is_none_is_named_and_changes_nothing) {
	enum { CLASS = 20 };
	void *slots[10], *other;
	int foreign;
	take(CLASS, slots, 10);
	take(CLASS + 1, &other, 1);
	put(CLASS, &slots[3], 1);
	assert_wrong(CLASS, slots[3], 9);              /* twice */
	assert_wrong(CLASS, (char *)slots[4] + 16, 9); /* inside */
	assert_wrong(CLASS, other, 9);                 /* of another class */
	assert_wrong(CLASS, &foreign, 9);              /* of the stack */
	assert_wrong(CLASS, NULL, 9);
	assert_wrong(CLASS, (void *)UINTPTR_MAX, 9);
	assert_null(chunk_slab_of(&foreign));
	assert_null(chunk_slab_of(NULL));
	slots[3] = slots[9];
	put(CLASS, slots, 9);
	assert_wrong(CLASS, slots[0], 0);
	drop_empty_slabs();
	assert_wrong(CLASS, slots[0], 0); /* its slab is gone */
	assert_null(chunk_slab_of(slots[0]));
	put(CLASS + 1, &other, 1);
}

TEST(the_first_wrong_one_is_named_and_the_others_are_freed) {
	enum { CLASS = 12 };
	void *slots[6];
	int foreign;
	take(CLASS, slots, 6);
	void *batch[] = {slots[0], slots[1], slots[1], &foreign, slots[2], slots[0]};
	struct wrong wrong = flush_slots(CLASS, batch, 6);
	assert_ptr_equal(wrong.slot, slots[1]);
	check(CLASS, 3);
	put(CLASS, slots + 3, 3);
	check(CLASS, 0);
}

/* ---- the depot ---- */

TEST(batches_travel_without_touching_their_slabs) {
	enum { CLASS = 6, N = 64 };
	void *slots[N], *again[N];
	central_set_depot(true);
	take(CLASS, slots, N);
	size_t free_slots = central_count(CLASS).free_slots;
	put(CLASS, slots, N);
	assert_int_equal(central_count(CLASS).depot_slots, N);
	assert_int_equal(central_count(CLASS).free_slots, free_slots);
	check(CLASS, 0);
	assert_int_equal(central_refill(CLASS, again, N), N);
	assert_memory_equal(again, slots, sizeof slots);
	check(CLASS, N);
	put(CLASS, slots, N);
}

TEST(the_depot_is_bounded) {
	enum { N = 4096 };
	static void *slots[N];
	central_set_depot(true);
	for (unsigned class = 1; class < CLASSES; class += 7) {
		size_t n = min_size(N, (8 << 20) / class_size(class));
		take(class, slots, n);
		for (size_t i = 0; i < n; i += 2) /* in batches small enough for any capacity */
			put(class, slots + i, min_size(2, n - i));
		size_t kept = central_count(class).depot_slots;
		assert_in_range(kept, 2, 512);
		assert_true(kept * class_size(class) <= 512 * 1024);
		check(class, 0);
	}
}

TEST(a_double_free_in_the_depot_is_found_when_it_is_emptied) {
	enum { CLASS = 9 };
	void *slots[8];
	central_set_depot(true);
	take(CLASS, slots, 8);
	void *batch[] = {slots[0], slots[1], slots[2], slots[1]};
	assert_null(flush_slots(CLASS, batch, 4).slot);
	central_trim();
	struct wrong wrong = take_wrong();
	assert_ptr_equal(wrong.slot, slots[1]);
	assert_int_equal(wrong.class, CLASS);
	check(CLASS, 5);
	central_set_depot(false);
	put(CLASS, slots + 3, 5);
	central_trim();
	assert_null(take_wrong().slot);
}

/* ---- scavenging ---- */

/* Keeps every n-th of many slots; the slots kept are left at the front. */
/* Trims until *argument is set: before a class has its first slab, while it gets it, and after. */
static void *trim_until(void *argument) {
	while (!atomic_load_explicit((atomic_bool *)argument, memory_order_relaxed))
		central_trim();
	return NULL;
}

/* The first test, for a central list begins only once. ThreadSanitizer sees it when a trim looks without the lock. */
TEST(heaps_begin_while_another_thread_trims) {
	static void *slots[CLASSES];
	atomic_bool done = false;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, trim_until, &done), 0);
	for (unsigned class = 1; class < CLASSES; class ++)
		take(class, &slots[class], 1);
	atomic_store_explicit(&done, true, memory_order_relaxed);
	pthread_join(thread, NULL);
	for (unsigned class = 1; class < CLASSES; class ++) {
		check(class, 1);
		put(class, &slots[class], 1);
	}
}

static atomic_uint counted;

static void *count_one(void *class) {
	central_count((unsigned)(uintptr_t) class); /* takes the lock */
	atomic_fetch_add(&counted, 1);
	return NULL;
}

/* A thread of its own for each class: all of them wait until the fork is over. */
TEST(a_fork_takes_the_lock_of_every_class) {
	pthread_t threads[CLASSES];
	atomic_store(&counted, 0);
	central_lock_all();
	for (unsigned class = 1; class < CLASSES; class ++)
		assert_int_equal(pthread_create(&threads[class], NULL, count_one, (void *)(uintptr_t) class),
		                 0);
	usleep(100000);
	unsigned early = atomic_load(&counted);
	central_unlock_all();
	for (unsigned class = 1; class < CLASSES; class ++)
		pthread_join(threads[class], NULL);
	assert_int_equal(early, 0);
	assert_int_equal(atomic_load(&counted), CLASSES - 1);
}

static size_t keep_every(unsigned class, void **slots, size_t n, size_t every) {
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		memset(slots[i], 0x5a, class_size(class));
	for (size_t i = 0; i < n; i++) {
		if (i % every == 0)
			slots[kept++] = slots[i];
		else
			put(class, &slots[i], 1);
	}
	return kept;
}

/* Whether no page of the kernel lies on the slab that has no taken slot and is dirty throughout. */
static bool has_no_whole_page(const struct slab *slab) {
	size_t size = os_page_size();
	for (size_t at = -(uintptr_t)slab->base % size; at + size <= slab->npages * PAGE_SIZE; at += size) {
		unsigned pages = ((1u << size / PAGE_SIZE) - 1) << at / PAGE_SIZE;
		if ((slab_purgeable(slab) & pages) == pages)
			return false;
	}
	return true;
}

TEST(a_trim_purges_empty_pages_between_live_slots) {
	enum { N = 20000 };
	static void *slots[N];
	static const unsigned classes[] = {2, 8, 13, 24, 40};
	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
		unsigned class = classes[i];
		size_t size = class_size(class), n = min_size(N, (4 << 20) / size);
		take(class, slots, n);
		size_t kept = keep_every(class, slots, n, 40000 / size + 1);
		central_trim();
		assert_null(take_wrong().slot);
		check(class, kept);
		struct central_totals totals = central_count(class);
		assert_true(os_page_size() > PAGE_SIZE || totals.clean_pages * 2 > totals.slab_pages);
		for (size_t k = 0; k < kept; k++) {
			const struct slab *slab = chunk_slab_of(slots[k]);
			assert_true(is_filled(slots[k], 0x5a, size));
			assert_true(has_no_whole_page(slab));
			for (unsigned page = 0; page < slab->npages; page++)
				assert_true(slab->dirty >> page & 1 ||
				            is_zero(slab->base + page * PAGE_SIZE, PAGE_SIZE));
		}
		assert_false(central_trim());        /* nothing is purged twice */
		take(class, slots + kept, n - kept); /* and all of it is usable again */
		for (size_t k = kept; k < n; k++)
			memset(slots[k], 1, size);
		for (size_t k = 0; k < kept; k++)
			assert_true(is_filled(slots[k], 0x5a, size));
		check(class, n);
		put(class, slots, n);
	}
}

/* The class whose scavenge is cut short by a fork, and what is live in it. */
static struct {
	unsigned class;
	size_t taken, slots;
	int status;
} cut;

/* Every slot but the taken ones can be had, and no slab was made for that. */
static void take_the_rest(void *unused) {
	(void)unused;
	static void *slots[20000];
	central_after_fork();
	check(cut.class, cut.taken);
	take(cut.class, slots, cut.slots - cut.taken);
	check(cut.class, cut.slots);
	assert_int_equal(central_count(cut.class).slots, cut.slots);
}

static void fork_amid_scavenge(void) {
	cut.slots = central_count(cut.class).slots;
	cut.status = status_of(take_the_rest, NULL);
}

TEST(a_fork_amid_a_scavenge_leaves_the_child_every_slot) {
	NEEDS_SMALL_PAGES;
	enum { CLASS = 40, N = 2048 };
	static void *slots[N];
	config.hold = 1000;
	take(CLASS, slots, N);
	cut.class = CLASS;
	cut.taken = keep_every(CLASS, slots, N, 12);
	cut.status = -1;
	amid_scavenge = fork_amid_scavenge;
	central_trim();
	assert_true(exited_well(cut.status));
	check(CLASS, cut.taken);
	put(CLASS, slots, cut.taken);
}

/* The dirty pages of a class's slabs on which none of the taken slots lies. */
static size_t pages_without(unsigned class, void *const *taken, size_t n) {
	static bool has_slot[1 << 16];
	size_t empty = central_count(class).slab_pages - central_count(class).clean_pages;
	char *lowest = taken[0];
	memset(has_slot, 0, sizeof has_slot);
	for (size_t i = 0; i < n; i++)
		lowest = (char *)taken[i] < lowest ? taken[i] : lowest;
	lowest -= (uintptr_t)lowest % CHUNK_SIZE;
	for (size_t i = 0; i < n; i++) {
		char *slot = taken[i];
		for (size_t page = (size_t)(slot - lowest) / PAGE_SIZE;
		     page <= (size_t)(slot + class_size(class) - 1 - lowest) / PAGE_SIZE; page++) {
			assert_true(page < sizeof has_slot);
			empty -= !has_slot[page];
			has_slot[page] = true;
		}
	}
	return empty;
}

TEST(what_a_purge_gives_is_known_and_given) {
	NEEDS_SMALL_PAGES;
	enum { CLASS = 18, N = 40000, EVERY = 26 }; /* 320 bytes; every other page keeps a slot */
	static void *slots[N];
	take(CLASS, slots, N);
	size_t kept = keep_every(CLASS, slots, N, EVERY), half = 0;
	size_t purgeable = central_count(CLASS).purgeable_pages;
	assert_int_equal(purgeable, pages_without(CLASS, slots, kept));
	assert_int_equal(ledger_purgeable_in(LEDGER_SLOTS), purgeable);
	for (size_t i = 0; i < kept; i++) { /* 60 pages' worth of slots go, each the last on its page */
		if (i % 2)
			put(CLASS, &slots[i], 1);
		else
			slots[half++] = slots[i];
	}
	assert_true(central_count(CLASS).purgeable_pages > purgeable + 300);
	assert_int_equal(central_count(CLASS).purgeable_pages, pages_without(CLASS, slots, half));
	purgeable = central_count(CLASS).purgeable_pages;
	size_t some = central_purge(CLASS, 100), before = central_count(CLASS).clean_pages;
	assert_in_range(some, 1, 100 + SLAB_MAX_PAGES);
	assert_true(central_count(CLASS).purgeable_pages < purgeable &&
	            central_count(CLASS).purgeable_pages > 0);
	while (central_purge(CLASS, SIZE_MAX))
		;
	assert_int_equal(central_count(CLASS).purgeable_pages, 0);
	assert_true(central_count(CLASS).clean_pages > before);
	check(CLASS, half);
	put(CLASS, slots, half);
}

/* With few live slots on many pages the class drains. */
TEST(a_class_drains_when_nearly_all_its_slots_are_free) {
	enum { CLASS = 18, N = 40000 };
	static void *slots[N];
	take(CLASS, slots, N);
	assert_false(central_drains(CLASS));
	put(CLASS, slots, N / 2);
	assert_false(central_drains(CLASS));
	size_t kept = keep_every(CLASS, slots + N / 2, N / 2, 26);
	assert_true(central_drains(CLASS));
	take(CLASS, slots, N / 2);
	put(CLASS, slots, 1);
	assert_false(central_drains(CLASS));
	put(CLASS, slots + 1, N / 2 - 1);
	put(CLASS, slots + N / 2, kept);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, no_slab, no_slab)

int main(void) {
	const struct CMUnitTest tests[] = {
	        CASE(heaps_begin_while_another_thread_trims),
	        CASE(slots_of_every_class),
	        CASE(a_fork_takes_the_lock_of_every_class),
	        CASE(a_batch_rises_in_address_within_a_slab),
	        CASE(the_lowest_freed_slots_come_back_first),
	        CASE(slabs_grow_with_their_class),
	        CASE(the_fuller_slab_serves),
	        CASE(slabs_move_between_the_lists_as_they_fill_and_drain),
	        CASE(a_flush_while_a_slab_is_made_leaves_none_unused),
	        CASE(a_slot_that_is_none_is_named_and_changes_nothing),
	        CASE(the_first_wrong_one_is_named_and_the_others_are_freed),
	        CASE(batches_travel_without_touching_their_slabs),
	        CASE(the_depot_is_bounded),
	        CASE(a_double_free_in_the_depot_is_found_when_it_is_emptied),
	        CASE(a_trim_purges_empty_pages_between_live_slots),
	        CASE(a_fork_amid_a_scavenge_leaves_the_child_every_slot),
	        CASE(what_a_purge_gives_is_known_and_given),
	        CASE(a_class_drains_when_nearly_all_its_slots_are_free),
	};
	return RUN(tests);
}

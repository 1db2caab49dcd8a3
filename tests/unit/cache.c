/* cache.c: a thread's magazines, what is wrong, threads that end, and the child of a fork. */
#include "unit.h"

#include "ended.h"
#include "wrong.h"

#include "front/cache.h"
#include "back/chunk.h"
#include "ground/os.h"
#include "policy/reclaim.h"

#include <pthread.h>

/* ---- what every test uses ---- */

/* Every slot is with the caller, in a cache, in the depot or free in its slab. */
static void check(unsigned class, size_t taken) {
	struct central_totals totals = central_count(class);
	assert_true(central_check(class));
	assert_int_equal(totals.slots, taken + cache_count(class) + totals.depot_slots + totals.free_slots);
}

/* As much is live elsewhere, as the policy is told, as gives a thread its full share. */
static int flushed(void **state) {
	(void)state;
	ledger_publish(LEDGER_LARGE, 16384, 0);
	cache_flush_all();
	central_trim();
	for (unsigned class = 1; class < CLASSES; class ++)
		if (cache_count(class) || central_count(class).slabs)
			return -1;
	return take_wrong().slot ? -1 : 0;
}

static void *take(unsigned class) {
	void *slot = cache_take_fast(thread_cache, class);
	return slot ? slot : cache_take(class);
}

static struct wrong put(unsigned class, void *slot) {
	if (cache_put_fast(thread_cache, class, slot))
		return (struct wrong){.slot = NULL};
	cache_put(class, slot);
	return take_wrong();
}

/* Makes so many slow calls that the fast path uses this thread's cache. */
static void settle(void) {
	assert_null(put(1, take(1)).slot);
	for (int i = 0; i < 64; i++)
		cache_tick();
}

static void take_many(unsigned class, void **slots, size_t n) {
	for (size_t i = 0; i < n; i++)
		assert_non_null(slots[i] = take(class));
}

static void put_many(unsigned class, void **slots, size_t n) {
	for (size_t i = 0; i < n; i++)
		assert_null(put(class, slots[i]).slot);
}

/* ---- magazines ---- */

/* T3: the fast path of a thread that has no cache yet fails by itself. */
TEST(the_first_cache_is_empty_and_full_at_once) {
	struct cache *first = thread_cache;
	char block[64];
	for (unsigned class = 0; class < CLASSES; class ++) {
		assert_null(cache_take_fast(first, class));
		assert_false(cache_put_fast(first, class, block));
		assert_false(cache_put_fast(first, class, NULL));
	}
	for (int i = 0; i < 20; i++) {
		void *slot = take(5);
		assert_ptr_equal(thread_cache, first); /* a young thread's calls are slow ones */
		assert_null(put(5, slot).slot);
	}
	settle();
	assert_ptr_not_equal(thread_cache, first);
}

TEST(class_0_is_empty_and_full_in_every_cache) {
	char block[64];
	assert_null(put(7, take(7)).slot);
	assert_null(cache_take_fast(thread_cache, 0));
	assert_false(cache_put_fast(thread_cache, 0, block));
	assert_false(cache_put_fast(thread_cache, 0, NULL));
}

TEST(the_slot_freed_last_is_taken_first) {
	enum { CLASS = 4, N = 5 };
	void *slots[N];
	take_many(CLASS, slots, N);
	put_many(CLASS, slots, N);
	for (int i = N; i-- > 0;)
		assert_ptr_equal(take(CLASS), slots[i]);
	put_many(CLASS, slots, N);
}

TEST(fresh_slots_come_in_address_order) {
	enum { CLASS = 4, N = 60 };
	char *slots[N];
	take_many(CLASS, (void **)slots, N);
	for (int i = 1; i < N; i++)
		assert_ptr_equal(slots[i], slots[i - 1] + class_size(CLASS));
	put_many(CLASS, (void **)slots, N);
}

TEST(every_class_is_conserved) {
	enum { N = 400 };
	static void *slots[N];
	for (unsigned class = 1; class < CLASSES; class ++) {
		size_t n = min_size(N, (4 << 20) / class_size(class));
		take_many(class, slots, n);
		check(class, n);
		for (size_t i = 0; i < n; i++)
			memset(slots[i], (int)i, class_size(class));
		for (size_t i = 0; i < n; i++)
			assert_true(is_filled(slots[i], (int)i, class_size(class)));
		put_many(class, slots, n);
		check(class, 0);
		assert_true(cache_count(class) > 0);
	}
}

TEST(what_a_thread_keeps_is_bounded) {
	enum { N = 2000 };
	static void *slots[N];
	size_t kept = 0;
	for (unsigned class = 1; class < CLASSES; class ++) {
		size_t n = min_size(N, (16 << 20) / class_size(class));
		take_many(class, slots, n);
		put_many(class, slots, n);
		assert_true(cache_count(class) <= 255);
	}
	for (unsigned class = 1; class < CLASSES; class ++)
		kept += cache_count(class) * class_size(class);
	assert_true(kept > 0);
	assert_true(kept <= 2 << 20);
}

TEST(random_use_keeps_every_slot_apart) {
	enum { N = 3000, OPERATIONS = 200000 };
	static struct {
		unsigned char *slot;
		unsigned class;
	} live[N];
	uint64_t seed = 17;
	for (int i = 0; i < OPERATIONS; i++) {
		unsigned at = next_random(&seed) % N;
		if (live[at].slot) {
			assert_true(
			        is_filled(live[at].slot, (int)at, min_size(16, class_size(live[at].class))));
			assert_null(put(live[at].class, live[at].slot).slot);
			live[at].slot = NULL;
		} else {
			live[at].class = 1 + next_random(&seed) % (next_random(&seed) % 8 ? 20 : CLASSES - 1);
			live[at].slot = take(live[at].class);
			memset(live[at].slot, (int)at, 16);
		}
	}
	for (unsigned class = 1; class < CLASSES; class ++) {
		size_t taken = 0;
		for (int i = 0; i < N; i++)
			taken += live[i].slot && live[i].class == class;
		check(class, taken);
	}
	for (int i = 0; i < N; i++) {
		if (live[i].slot)
			assert_null(put(live[i].class, live[i].slot).slot);
		live[i].slot = NULL;
	}
}

static atomic_int last_id; /* of the thread that came last */

static void join(pthread_t thread, void **result) {
	assert_int_equal(pthread_join(thread, result), 0);
	wait_until_ended(last_id);
}

/* ---- a malloc inside a malloc ---- */

enum { INNER_CLASS = 12, INNER = 600 };
static void *inner[INNER];
static size_t frees_meanwhile;

unsigned __real_central_refill(unsigned class, void **slots, unsigned n);
unsigned __wrap_central_refill(unsigned class, void **slots, unsigned n);
unsigned __wrap_central_refill(unsigned class, void **slots, unsigned n) {
	unsigned got = __real_central_refill(class, slots, n);
	size_t n_inner = frees_meanwhile;
	if (n_inner) { /* so that other tests' threads only read it */
		frees_meanwhile = 0;
		put_many(INNER_CLASS, inner, n_inner);
	}
	return got;
}

/* As when a clock of the program's own frees, which the library asks for the time. */
TEST(a_refill_that_finds_the_magazine_filled_meanwhile_leaves_it) {
	static void *rest[INNER];
	for (size_t most = 20; most <= INNER; most += 20) {
		size_t n = 0;
		take_many(INNER_CLASS, inner, most);
		while ((rest[n] = cache_take_fast(thread_cache, INNER_CLASS)))
			n++;
		frees_meanwhile = most;
		rest[n++] = take(INNER_CLASS);
		assert_int_equal(frees_meanwhile, 0);
		assert_true(thread_cache->top[INNER_CLASS] <= thread_cache->full[INNER_CLASS]);
		check(INNER_CLASS, n);
		put_many(INNER_CLASS, rest, n);
		check(INNER_CLASS, 0);
	}
}

/* ---- lines shared between threads ---- */

enum { GIVEN = 40 };

/* Frees a slot that another thread took, and takes some: none may lie on a line of that thread's slots. */
static void *free_one_and_take(void *argument) {
	void **given = argument;
	char *own[4];
	bool shared = put(1, given[GIVEN / 2]).slot;
	for (int i = 0; i < 4; i++) {
		own[i] = take(1);
		for (int k = 0; k < GIVEN; k++)
			shared |= (size_t)own[i] / CACHE_LINE == (size_t)given[k] / CACHE_LINE;
	}
	for (int i = 0; i < 4; i++)
		put(1, own[i]);
	last_id = thread_id();
	return shared ? given : NULL;
}

TEST(a_thread_begins_with_lines_of_its_own) {
	void *given[GIVEN], *shared;
	pthread_t thread;
	take_many(1, given, GIVEN);
	assert_int_equal(pthread_create(&thread, NULL, free_one_and_take, given), 0);
	join(thread, &shared);
	assert_null(shared);
	given[GIVEN / 2] = given[GIVEN - 1];
	put_many(1, given, GIVEN - 1);
}

/* ---- magazines that nobody uses ---- */

/* A few slots in a magazine can pin many slabs, so while a thread works its idle magazines empty. */
TEST(idle_magazines_are_flushed_while_others_work) {
	enum { IDLE = 40, BUSY = 3, N = 600 };
	static void *slots[N];
	void *idle = take(IDLE);
	assert_null(put(IDLE, idle).slot);
	assert_int_not_equal(cache_count(IDLE), 0);
	for (int round = 0; round < 5000 && cache_count(IDLE); round++) {
		take_many(BUSY, slots, N);
		put_many(BUSY, slots, N);
	}
	assert_int_equal(cache_count(IDLE), 0);
	assert_int_not_equal(cache_count(BUSY), 0);
	check(IDLE, 0);
	/* The thread's share is of what its magazines may hold now: those that were dropped gave theirs back. */
	size_t bytes = 0;
	for (unsigned class = 1; class < CLASSES; class ++)
		bytes += thread_cache->capacity[class] * class_size(class);
	assert_int_equal(thread_cache->bytes, bytes);
}

/* ---- what is wrong ---- */

/* ---- what is freed twice ---- */

static const unsigned judged[] = {1, 2, 3, 10, 20, 32, 33, 45, 60, CLASSES - 1};
enum { BETWEEN = 1000 };
static void *between[BETWEEN];

static void assert_freed_twice(unsigned class, void *slot) {
	struct wrong wrong = put(class, slot);
	assert_ptr_equal(wrong.slot, slot);
	assert_int_equal(wrong.class, class);
}

TEST(a_second_free_is_found_whatever_was_freed_between) {
	static const size_t numbers[] = {0, 1, 2, 7, 30, 127, 255, BETWEEN};
	for (unsigned c = 0; c < sizeof judged / sizeof *judged; c++)
		for (unsigned n = 0; n < sizeof numbers / sizeof *numbers; n++) {
			void *slot = take(judged[c]);
			assert_false(mark_is_set(slot));
			take_many(judged[c], between, numbers[n]);
			assert_null(put(judged[c], slot).slot);
			put_many(judged[c], between, numbers[n]);
			assert_true(mark_is_set(slot) || !pagemap_class(slot));
			assert_freed_twice(judged[c], slot);
			check(judged[c], 0);
		}
}

/* The first slot of a refill, those that follow, and slots that come from a magazine. */
TEST(no_slot_that_is_handed_out_counts_as_freed) {
	for (unsigned c = 0; c < sizeof judged / sizeof *judged; c++)
		for (unsigned round = 0; round < 3; round++) {
			take_many(judged[c], between, BETWEEN);
			for (unsigned i = 0; i < BETWEEN; i++)
				assert_false(mark_is_set(between[i]));
			put_many(judged[c], between, BETWEEN);
			if (round == 1)
				cache_flush_all();
		}
	assert_null(take_wrong().slot);
}

static void *free_again(void *slot) {
	put(10, take(10)); /* this thread has its cache */
	return put(10, slot).slot == slot ? slot : NULL;
}

TEST(a_second_free_by_another_thread_is_found) {
	pthread_t thread;
	void *slot = take(10), *answer = NULL;
	assert_null(put(10, slot).slot);
	assert_int_equal(pthread_create(&thread, NULL, free_again, slot), 0);
	pthread_join(thread, &answer);
	assert_ptr_equal(answer, slot);
	assert_freed_twice(10, slot);
	check(10, 0);
}

/* The mark is gone with the page; the bitmap still knows. */
TEST(a_second_free_of_a_slot_on_a_purged_page_is_found) {
	NEEDS_SMALL_PAGES;
	enum { CLASS = 20, N = 400 };
	static void *slots[N];
	unsigned again = 0;
	take_many(CLASS, slots, N);
	put_many(CLASS, slots, N - 1); /* the slab of the last one stays */
	cache_flush_all();
	assert_true(central_purge(CLASS, SIZE_MAX) > 0);
	while (chunk_slab_of(slots[again]) != chunk_slab_of(slots[N - 1]) || pagemap_class(slots[again]))
		again++;
	assert_false(mark_is_set(slots[again]));
	cache_put(CLASS, slots[again]);
	assert_ptr_equal(take_wrong().slot, slots[again]);
	assert_null(put(CLASS, slots[N - 1]).slot);
	check(CLASS, 0);
}

TEST(what_starts_no_slot_or_was_never_handed_out_is_found_on_the_slow_path) {
	for (unsigned c = 0; c < sizeof judged / sizeof *judged; c++) {
		char *slot = take(judged[c]);
		cache_put(judged[c], slot + QUANTUM / 2);
		assert_ptr_equal(take_wrong().slot, slot + QUANTUM / 2);
		assert_null(put(judged[c], slot).slot);
		check(judged[c], 0);
	}
}

/* What a program may well store in the second word of a block: its own address, as in a list of one. */
TEST(a_block_that_holds_its_own_address_is_not_taken_for_a_freed_one) {
	void **slot = take(4);
	slot[0] = slot[1] = slot;
	assert_false(mark_is_set(slot));
	assert_null(put(4, slot).slot);
	check(4, 0);
}

/* ---- threads that end ---- */

enum { LEFT_CLASS = 30, LEFT = 20 };
static void *left[LEFT];
static _Atomic(struct cache *) seen;

/* Leaves slots in its cache, all of them written to before. */
static void *leave_slots(void *argument) {
	settle();
	for (size_t i = 0; i < LEFT; i++)
		memset(left[i] = take(LEFT_CLASS), 1, 100);
	for (size_t i = 0; i < LEFT; i++)
		put(LEFT_CLASS, left[i]);
	atomic_store_explicit(&seen, thread_cache, memory_order_relaxed);
	atomic_store_explicit(&last_id, thread_id(), memory_order_relaxed);
	return argument;
}

/* Runs it in a thread that has ended when this returns, but is not joined: nothing but the cache's own means
 * orders what it did before what comes now. */
static pthread_t end_a_thread(void *(*body)(void *)) {
	pthread_t thread;
	int id;
	atomic_store_explicit(&last_id, 0, memory_order_relaxed);
	assert_int_equal(pthread_create(&thread, NULL, body, NULL), 0);
	while (!(id = atomic_load_explicit(&last_id, memory_order_relaxed)))
		usleep(1000);
	wait_until_ended(id);
	return thread;
}

TEST(a_flush_finds_the_slots_of_a_thread_that_ended) {
	assert_null(put(1, take(1)).slot); /* this thread has its cache */
	pthread_t ended = end_a_thread(leave_slots);
	check(LEFT_CLASS, 0);
	assert_true(cache_count(LEFT_CLASS) >= LEFT);
	cache_flush_all();
	assert_null(take_wrong().slot);
	assert_int_equal(cache_count(LEFT_CLASS), 0);
	check(LEFT_CLASS, 0);
	pthread_join(ended, NULL);
}

static void *see_cache(void *argument) {
	settle();
	void *slot = take(LEFT_CLASS);
	memset(slot, 2, 100); /* they were the ended thread's */
	atomic_store_explicit(&seen, thread_cache, memory_order_relaxed);
	put(LEFT_CLASS, slot);
	atomic_store_explicit(&last_id, thread_id(), memory_order_release);
	return argument;
}

TEST(a_new_thread_takes_over_the_cache_of_one_that_ended) {
	assert_null(put(1, take(1)).slot);
	pthread_t first = end_a_thread(leave_slots);
	size_t cached = cache_count(LEFT_CLASS);
	pthread_t second = end_a_thread(see_cache);
	pthread_join(second, NULL);
	assert_ptr_not_equal(atomic_load(&seen), thread_cache);
	assert_int_equal(cache_count(LEFT_CLASS), cached); /* it took one of those slots and put it back */
	pthread_join(first, NULL);
}

TEST(many_threads_need_few_caches) {
	static struct cache *caches[50];
	size_t distinct = 0;
	for (int i = 0; i < 50; i++) {
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, see_cache, NULL), 0);
		join(thread, NULL);
		caches[i] = seen;
		bool known = false;
		for (int k = 0; k < i; k++)
			known |= caches[k] == seen;
		distinct += !known;
	}
	assert_true(distinct <= 2);
}

static atomic_bool may_end;

static void *leave_slots_and_wait(void *argument) {
	leave_slots(NULL);
	while (!atomic_load(&may_end))
		usleep(1000);
	return argument;
}

/* Begins a thread that leaves slots in its cache and is there until end_waiting. */
static pthread_t begin_to_wait(void) {
	pthread_t thread;
	atomic_store(&last_id, 0);
	atomic_store(&may_end, false);
	assert_int_equal(pthread_create(&thread, NULL, leave_slots_and_wait, NULL), 0);
	while (!atomic_load(&last_id))
		usleep(1000);
	return thread;
}

static void end_waiting(pthread_t thread) {
	atomic_store(&may_end, true);
	join(thread, NULL);
}

/* ---- threads that end, and others that have their ids ---- */

/* What the kernel says of an id that no thread has, and what happens meanwhile. */
enum { CHOSEN = 7 << OS_ID_BITS | 77 };
static _Atomic uint64_t id; /* of the threads that begin now; 0: their own */
static atomic_bool chosen_has_ended;
static void (*_Atomic meanwhile)(void);

uint64_t __real_os_thread(void);
uint64_t __wrap_os_thread(void);
uint64_t __wrap_os_thread(void) { return id ? id : __real_os_thread(); }

bool __real_os_has_ended(uint64_t thread);
bool __wrap_os_has_ended(uint64_t thread);
bool __wrap_os_has_ended(uint64_t thread) {
	if (thread != CHOSEN)
		return __real_os_has_ended(thread);
	bool ended = chosen_has_ended;
	void (*event)(void) = atomic_exchange(&meanwhile, NULL);
	if (event)
		event();
	return ended;
}

static pthread_t taker;
static atomic_size_t found_left; /* slots that were left, when a thread with the same id had looked */

static void another_takes_it(void) {
	id = 0;
	taker = begin_to_wait();
}

static void *flush_with_same_id(void *argument) {
	put(1, take(1));
	cache_flush_all();
	found_left = cache_count(LEFT_CLASS);
	return argument;
}

/* The thread that has the id now is asked about, and lives. It empties the cache, and the next with this id takes it. */
static void another_with_the_same_id_takes_it(void) {
	pthread_t thread;
	chosen_has_ended = false;
	assert_int_equal(pthread_create(&thread, NULL, flush_with_same_id, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(found_left, 0);
	taker = begin_to_wait();
}

/* A thread has ended and this one is about to take its cache, when another has taken it. */
static void take_too_late(void (*event)(void)) {
	assert_null(put(1, take(1)).slot);
	id = CHOSEN;
	chosen_has_ended = true;
	pthread_t ended = end_a_thread(leave_slots);
	struct cache *its = seen;
	meanwhile = event;
	cache_flush_all();
	assert_null(meanwhile);
	assert_ptr_equal(seen, its);
	assert_true(cache_count(LEFT_CLASS) >= LEFT);
	end_waiting(taker);
	pthread_join(ended, NULL);
	id = 0;
	chosen_has_ended = true;
	cache_flush_all();
	assert_int_equal(cache_count(LEFT_CLASS), 0);
}

TEST(one_of_two_takes_the_cache_of_a_thread_that_ended) { take_too_late(another_takes_it); }

TEST(an_id_that_comes_again_is_not_the_thread_that_had_it) {
	take_too_late(another_with_the_same_id_takes_it);
}

/* ---- slots that cross threads ---- */

enum { CROSSING = 2000 };

static void *free_all(void *slots) {
	for (size_t i = 0; i < CROSSING; i++)
		if (put(15, ((void **)slots)[i]).slot)
			return NULL;
	return slots;
}

TEST(another_thread_frees_what_this_one_took) {
	static void *slots[CROSSING];
	void *result;
	for (int round = 0; round < 10; round++) {
		pthread_t thread;
		take_many(15, slots, CROSSING);
		check(15, CROSSING);
		assert_int_equal(pthread_create(&thread, NULL, free_all, slots), 0);
		pthread_join(thread, &result);
		assert_ptr_equal(result, slots);
		check(15, 0);
	}
}

/* ---- fork ---- */

static uint64_t owner_of(struct cache *cache) {
	return atomic_load(&cache->owner) & (((uint64_t)1 << OS_THREAD_BITS) - 1);
}

/* The child of a process whose other thread left slots in its cache, not ended here: it is only not in the
 * child. */
static void use_in_child(void *live) {
	struct central_totals totals;
	cache_after_fork();
	if (put(10, live)
	            .slot) /* its mark is from before: its page was copied before that of the pointer to it */
		_exit(5);
	totals = central_count(LEFT_CLASS);
	if (cache_count(LEFT_CLASS) != 0 || totals.free_slots != totals.slots)
		_exit(1);
	/* The other's cache is there to be taken, this thread's is not. */
	struct cache *others = seen;
	if (owner_of(others) != 0 || owner_of(thread_cache) != OS_LEADER)
		_exit(4);
	for (unsigned class = 1; class < CLASSES; class ++) {
		void *slot = take(class);
		if (!slot || put(class, slot).slot || !central_check(class))
			_exit(2);
	}
	cache_flush_all();
	if (take_wrong().slot)
		_exit(3);
}

TEST(the_child_of_a_fork_has_the_slots_of_the_other_threads) {
	pthread_t thread = begin_to_wait();
	void *live = take(10);
	mark_set(live);
	int status = status_of(use_in_child, live);
	mark_clear(live);
	assert_null(put(10, live).slot);
	end_waiting(thread);
	assert_true(exited_well(status));
	check(LEFT_CLASS, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, flushed, flushed)

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_first_cache_is_empty_and_full_at_once),
	        /* while there is one cache besides this thread's at most */
	        CASE(a_thread_begins_with_lines_of_its_own),
	        CASE(a_new_thread_takes_over_the_cache_of_one_that_ended),
	        CASE(one_of_two_takes_the_cache_of_a_thread_that_ended),
	        CASE(an_id_that_comes_again_is_not_the_thread_that_had_it),
	        CASE(class_0_is_empty_and_full_in_every_cache),
	        CASE(the_slot_freed_last_is_taken_first),
	        CASE(fresh_slots_come_in_address_order),
	        CASE(every_class_is_conserved),
	        CASE(what_a_thread_keeps_is_bounded),
	        CASE(random_use_keeps_every_slot_apart),
	        CASE(a_refill_that_finds_the_magazine_filled_meanwhile_leaves_it),
	        CASE(idle_magazines_are_flushed_while_others_work),
	        CASE(a_second_free_is_found_whatever_was_freed_between),
	        CASE(no_slot_that_is_handed_out_counts_as_freed),
	        CASE(a_second_free_by_another_thread_is_found),
	        CASE(a_second_free_of_a_slot_on_a_purged_page_is_found),
	        CASE(what_starts_no_slot_or_was_never_handed_out_is_found_on_the_slow_path),
	        CASE(a_block_that_holds_its_own_address_is_not_taken_for_a_freed_one),
	        CASE(a_flush_finds_the_slots_of_a_thread_that_ended),
	        CASE(many_threads_need_few_caches),
	        CASE(another_thread_frees_what_this_one_took),
	        CASE(the_child_of_a_fork_has_the_slots_of_the_other_threads),
	};
	return RUN(tests);
}

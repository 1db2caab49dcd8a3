/* lock.c: mutual exclusion, sleeping and waking, the ranks of debug builds, and the thread that forks. */
#include "unit.h"

#include "ground/lock.h"

#include <pthread.h>
#include <time.h>

static struct lock first = LOCK_INITIAL(RANK_CENTRAL);
static struct lock second = LOCK_INITIAL(RANK_METADATA);

static unsigned state_of(struct lock *lock) { return atomic_load(&lock->state); }
static void nap(void) { nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL); }

TEST(taken_and_released) {
	for (int i = 0; i < 3; i++) {
		assert_int_equal(state_of(&first), 0);
		lock_take(&first);
		lock_take(&second);
		assert_int_equal(state_of(&first), 1);
		assert_int_equal(state_of(&second), 1);
		lock_release(&second);
		lock_release(&first);
	}
	assert_int_equal(state_of(&first), 0);
	assert_int_equal(state_of(&second), 0);
}

/* ---- exclusion ---- */

enum { THREADS = 4, ROUNDS = 20000 };
static size_t counter, check; /* plain: only the lock keeps them right */

static void *count(void *argument) {
	for (size_t i = 0; i < ROUNDS; i++) {
		lock_take(&first);
		counter++;
		check += counter;
		lock_release(&first);
	}
	return argument;
}

TEST(one_thread_at_a_time) {
	pthread_t threads[THREADS];
	counter = check = 0;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	size_t total = (size_t)THREADS * ROUNDS;
	assert_int_equal(counter, total);
	assert_int_equal(check, total * (total + 1) / 2);
	assert_int_equal(state_of(&first), 0);
}

/* ---- waiting: every sleeper wakes ---- */

static atomic_uint arrived, passed;

static void *pass(void *argument) {
	errno = EXDEV;
	atomic_fetch_add(&arrived, 1);
	lock_take(argument);
	if (errno != EXDEV)
		return NULL;
	atomic_fetch_add(&passed, 1);
	lock_release(argument);
	return NULL;
}

static void start_waiters(pthread_t *threads) {
	atomic_store(&arrived, 0);
	atomic_store(&passed, 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, pass, &first), 0);
	while (atomic_load(&arrived) < THREADS)
		nap();
	nap(); /* they have spun enough */
	clock_t before = clock();
	for (int i = 0; i < 5; i++)
		nap();
	assert_true(clock() - before < CLOCKS_PER_SEC / 20); /* half of the time that passed: they sleep */
	assert_int_equal(atomic_load(&passed), 0);
}

static void await_waiters(pthread_t *threads) {
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&passed), THREADS);
	assert_int_equal(state_of(&first), 0);
}

TEST(every_sleeper_wakes) {
	pthread_t threads[THREADS];
	lock_take(&first);
	start_waiters(threads);
	assert_int_equal(state_of(&first), 2);
	lock_release(&first);
	await_waiters(threads);
}

/* ---- ranks: debug builds ---- */

static void take_downwards(void *unused) {
	(void)unused;
	lock_take(&second);
	lock_take(&first);
}

static void take_one_rank_twice(void *unused) {
	(void)unused;
	static struct lock other = LOCK_INITIAL(RANK_CENTRAL);
	lock_take(&first);
	lock_take(&other);
}

static void release_what_is_free(void *unused) {
	(void)unused;
	lock_release(&first);
}

TEST(ranks_are_checked_in_debug_builds) {
	void (*const wrong[])(void *) = {take_downwards, take_one_rank_twice, release_what_is_free};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct capture capture;
		capture_begin(&capture);
		int status = status_of(wrong[i], NULL);
		const char *said = capture_end(&capture);
		assert_true(BM_DEBUG ? was_aborted(status) : exited_well(status));
		assert_int_equal(strstr(said, "assertion failed: held_ranks") != NULL, BM_DEBUG);
	}
}

/* ---- fork ---- */

static void own_both(void) {
	lock_take_for_fork(&first);
	lock_take_for_fork(&second);
	lock_own_for_fork();
}

static void disown_both(void) {
	lock_disown_after_fork();
	lock_release_after_fork(&second);
	lock_release_after_fork(&first);
}

/* What handlers of other libraries do while the forking thread owns every lock: in any order, as often as
 * they like. */
static void use_owned_locks(void) {
	for (int i = 0; i < 3; i++) {
		lock_take(&second);
		lock_take(&first);
		lock_release(&second);
		lock_release(&first);
	}
}

TEST(the_forking_thread_owns_the_locks_and_others_wait) {
	pthread_t threads[THREADS];
	own_both();
	start_waiters(threads);
	use_owned_locks();
	assert_int_not_equal(state_of(&first), 0);
	assert_int_not_equal(state_of(&second), 0);
	assert_int_equal(atomic_load(&passed), 0);
	disown_both();
	await_waiters(threads);
}

static void child_of_fork(void *unused) {
	(void)unused;
	use_owned_locks();
	disown_both();
	if (state_of(&first) || state_of(&second))
		_exit(1);
	lock_take(&first);
	lock_take(&second);
	if (state_of(&first) != 1 || state_of(&second) != 1)
		_exit(2);
	lock_release(&second);
	lock_release(&first);
}

TEST(the_child_owns_them_too_and_gives_them_up) {
	own_both();
	int status = status_of(child_of_fork, NULL);
	disown_both();
	assert_true(exited_well(status));
	assert_int_equal(state_of(&first), 0);
	assert_int_equal(state_of(&second), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(taken_and_released),
	        cmocka_unit_test(one_thread_at_a_time),
	        cmocka_unit_test(every_sleeper_wakes),
	        cmocka_unit_test(ranks_are_checked_in_debug_builds),
	        cmocka_unit_test(the_forking_thread_owns_the_locks_and_others_wait),
	        cmocka_unit_test(the_child_owns_them_too_and_gives_them_up),
	};
	return RUN(tests);
}

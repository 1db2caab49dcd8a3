/* thread_left.c: what threads leave in their caches when they end is found again: where their lists of robust mutexes are
 * of no use, when main has ended, and beside tasks that share the memory and are no threads of the process. Nothing of a
 * thread that runs is taken. qemu_user.t runs it under qemu-user, without vfork and the filter. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>

#include "ended.h"
#include "refuse.h"

enum { THREADS = 200, WARM = 20, ROBUST_MAX = 2048 };

static atomic_int ended_id, damaged, over;

/* Fills the caller's magazines: some hundred KB. */
static void fill_cache(void) {
	static const size_t sizes[] = {100, 500, 1000, 3000, 6000, 12000, 20000, 32000};
	void *blocks[64];
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t n = 2 * 65536 / sizes[i] < COUNT(blocks) ? 2 * 65536 / sizes[i] : COUNT(blocks);
		for (size_t k = 0; k < n; k++)
			memset(blocks[k] = malloc(sizes[i]), 1, sizes[i]);
		for (size_t k = 0; k < n; k++)
			free(blocks[k]);
	}
}

static void run_one(void *(*body)(void *)) {
	pthread_join(start(body, NULL), NULL);
	wait_until_ended(ended_id);
}

/* Of the process, also when its first thread has ended. */
static size_t resident_now(void) { return proc_bytes("/proc/thread-self/smaps_rollup", "\nRss:"); }

/* Whether many threads, one after another, leave little more than a few. */
static int leaves_little(void *(*body)(void *), size_t most) {
	for (int i = 0; i < WARM; i++)
		run_one(body);
	size_t before = resident_now();
	for (int i = 0; i < THREADS; i++)
		run_one(body);
	malloc_trim(0);
	return before && grown(before, resident_now()) < most;
}

/* ---- robust lists of no use ---- */

static void *plainly(void *unused) {
	fill_cache();
	ended_id = thread_id();
	return unused;
}

static void *with_own_list(void *unused) {
	static _Thread_local struct robust_list_head own;
	own.list.next = &own.list;
	fill_cache();
	syscall(SYS_set_robust_list, &own, sizeof own);
	ended_id = thread_id();
	return unused;
}

static void *with_many_mutexes(void *unused) {
	static pthread_mutex_t mutexes[ROBUST_MAX];
	pthread_mutexattr_t robust;
	fill_cache();
	pthread_mutexattr_init(&robust);
	pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
	for (int i = 0; i < ROBUST_MAX; i++)
		if (pthread_mutex_init(&mutexes[i], &robust) || pthread_mutex_lock(&mutexes[i]))
			damaged++;
	ended_id = thread_id();
	return unused;
}

static int plain_threads(void) { return leaves_little(plainly, 6 * MB); }
static int own_lists(void) { return leaves_little(with_own_list, 6 * MB); }
static int many_mutexes(void) { return leaves_little(with_many_mutexes, 6 * MB) && !damaged; }

/* ---- main has ended ---- */

static void *after_main(void *main_thread) {
	pthread_join(*(pthread_t *)main_thread, NULL);
	_exit(leaves_little(plainly, 6 * MB) ? 0 : 1);
}

static int without_main(void) {
	static pthread_t main_thread;
	main_thread = pthread_self();
	fill_cache();
	start(after_main, &main_thread);
	pthread_exit(NULL);
}

/* ---- a filter that refuses tgkill ---- */

/* Nothing is known of any thread then: nothing of theirs is taken, and all goes on. */
static void *churn(void *seed) {
	static const size_t sizes[] = {24, 100, 700, 3000, 20000};
	enum { KEPT = 64 };
	char *kept[KEPT] = {NULL};
	uint64_t state = (uintptr_t)seed + 1;
	for (size_t i = 0; i < 3000; i++) {
		size_t at = next_random(&state) % KEPT, size = sizes[at % COUNT(sizes)];
		if (kept[at] && !intact(kept[at], size, (uintptr_t)seed * KEPT + at))
			damaged++;
		free(kept[at]);
		kept[at] = next_random(&state) % 3 ? malloc(size) : NULL;
		if (kept[at])
			fill(kept[at], 0, size, (uintptr_t)seed * KEPT + at);
	}
	for (size_t at = 0; at < KEPT; at++)
		free(kept[at]);
	return NULL;
}

static int refused(void) {
	static const struct kind tgkill_too = {"tgkill", {SYS_tgkill}, 1, 0};
	if (!refuse(&tgkill_too, 1) || syscall(SYS_tgkill, getpid(), getpid(), 0) == 0)
		return 0;
	for (int i = 0; i < 10; i++)
		run_threads(4, churn);
	return !damaged;
}

/* ---- tasks that are no threads of the process ---- */

/* The child of vfork is another process, with the memory and the thread-local storage of the thread that waits for it. Here
 * it makes the first call of that thread, for both. */
static void *first_in_vfork(void *seed) {
	while (!over) {
		pid_t child = vfork();
		if (child == 0) {
			churn((char *)seed + 100);
			_exit(0);
		}
		if (!exited_zero(child))
			damaged++;
		for (int i = 0; i < 10; i++)
			churn(seed);
	}
	return NULL;
}

static int tasks(void) {
	pthread_t threads[3];
	for (uintptr_t i = 0; i < COUNT(threads); i++)
		threads[i] = start(first_in_vfork, (void *)i);
	for (uintptr_t i = 0; i < 30; i++) {
		pthread_t two[] = {start(churn, (void *)(i + 10)), start(churn, (void *)(i + 40))};
		pthread_join(two[0], NULL);
		pthread_join(two[1], NULL);
		malloc_trim(0);
	}
	over = 1;
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	return !damaged;
}

/* A child that did not come by fork: no handler has run in it, and the ids in it are its parent's. */
static int by_raw_fork(void) {
	fill_cache();
	run_one(plainly);
	pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		_exit(leaves_little(plainly, 6 * MB) && (run_threads(4, churn), !damaged) ? 0 : 1);
	return exited_zero(child);
}

int main(int argc, char **argv) {
	int emulated = argc > 1 && !strcmp(argv[1], "emulated");
	fill_cache();
	ok(in_child(plain_threads), "%d threads, one after another", THREADS);
	ok(in_child(own_lists), "… each with a robust list of its own");
	ok(in_child(many_mutexes), "… each with %d robust mutexes", ROBUST_MAX);
	ok(in_child(without_main), "… when main has ended");
	ok(in_child(by_raw_fork), "the child of a raw clone has threads");
	if (emulated) /* by qemu-user, where vfork is a fork that libc knows nothing of */
		return done();
	ok(in_child(tasks), "children of vfork share their parents' caches, while other threads come and go");
	if (in_child(can_refuse))
		ok(in_child(refused), "a filter refuses tgkill");
	else
		skip("a filter refuses tgkill", "no seccomp filters");
	return done();
}

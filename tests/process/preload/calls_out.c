/* calls_out.c: the program has functions of libc's names that allocate before they do what libc's do, as profilers and
 * libraries that fake the time have. The library calls them without a lock of its own, so none hangs, and each allocation
 * inside another is as good as any. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "common.h"

static _Thread_local int inside;
static atomic_int damaged, ready;
static atomic_size_t calls;

/* Takes and frees blocks of the sizes that the program may be asking for at this moment: as many as fill a magazine. */
static void allocate(void) {
	enum { BLOCKS = 40, CALLS = 1000 };
	static const size_t sizes[] = {40, 100, 200, 700, 3000, 20000, 100000};
	char *blocks[BLOCKS];
	if (!ready || inside || calls >= CALLS)
		return;
	int saved = errno;
	inside = 1;
	calls++;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t n = sizes[i] < 3000 ? BLOCKS : 2;
		for (size_t k = 0; k < n; k++)
			if ((blocks[k] = malloc(sizes[i])))
				fill(blocks[k], 0, sizes[i] < 5000 ? sizes[i] : 5000, k);
		for (size_t k = 0; k < n; k++) {
			if (blocks[k] && !intact(blocks[k], sizes[i] < 5000 ? sizes[i] : 5000, k))
				damaged++;
			free(blocks[k]);
		}
	}
	inside = 0;
	errno = saved;
}

/* ---- the program's own ---- */

int clock_gettime(clockid_t clock, struct timespec *time) {
	allocate();
	return (int)syscall(SYS_clock_gettime, clock, time);
}

/* The real ones are found once, before the library needs any of them. */
static int (*trylock)(pthread_mutex_t *), (*unlock)(pthread_mutex_t *);

__attribute__((constructor)) static void find_real(void) {
	*(void **)&trylock = dlsym(RTLD_NEXT, "pthread_mutex_trylock");
	*(void **)&unlock = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
	ready = 1;
}

int pthread_mutex_trylock(pthread_mutex_t *mutex) {
	allocate();
	return trylock ? trylock(mutex) : 0;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex) {
	allocate();
	return unlock ? unlock(mutex) : 0;
}

/* ---- what the program does ---- */

static void *work(void *seed) {
	enum { KEPT = 200, STEPS = 600 };
	static const size_t most[] = {60, 200, 1000, 30000, 300000, 3 << 20};
	static _Thread_local struct {
		char *at;
		size_t size;
	} kept[KEPT];
	uint64_t state = (uintptr_t)seed * 7919 + 1;
	for (size_t i = 0; i < STEPS; i++) {
		size_t k = next_random(&state) % KEPT, size = next_random(&state) % most[k % COUNT(most)] + 1;
		size_t checked = kept[k].size < 5000 ? kept[k].size : 5000;
		if (kept[k].at && !intact(kept[k].at, checked, k))
			damaged++;
		if (next_random(&state) % 4 == 0) {
			kept[k].at = realloc(kept[k].at, size);
		} else {
			free(kept[k].at);
			kept[k].at = malloc(size);
		}
		kept[k].size = size;
		fill(kept[k].at, 0, size < 5000 ? size : 5000, k);
		if (i % 500 == 0)
			malloc_trim(0);
	}
	for (size_t k = 0; k < KEPT; k++)
		free(kept[k].at);
	return NULL;
}

static int one_thread(void) { return work(NULL), !damaged && calls; }

static int some_threads(void) {
	for (int i = 0; i < 2; i++)
		run_threads(3, work);
	return !damaged && calls;
}

int main(void) {
	ok(in_child(one_thread), "one thread");
	ok(in_child(some_threads), "threads that come and go");
	return done();
}

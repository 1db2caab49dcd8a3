/* slow_idle.c: what an idle program keeps: after a burst, after a burst of which a few blocks survive, and
 * with many idle threads. The three wait at the same time, in children. */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "common.h"

enum { BLOCKS = 4000000, SIZE = 48, THREADS = 64, IDLE_MS = 5000 };

static struct findings {
	size_t before, peak, after;
	int ended;
} * all;

/* The table of pointers is mapped and touched first, so that it counts in every figure alike. */
static void burst(struct findings *found, size_t keep) {
	size_t length = BLOCKS * sizeof(void *);
	char **blocks =
	        mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	free(malloc(SIZE));
	found->before = resident();
	for (size_t i = 0; i < BLOCKS; i++)
		memset(blocks[i] = malloc(SIZE), 1, SIZE);
	found->peak = resident();
	for (size_t i = 0; i < BLOCKS; i++)
		if (keep == 0 || i % keep)
			free(blocks[i]);
	pause_ms(IDLE_MS);
	found->after = resident();
}

static pthread_barrier_t ready;

static void *idle(void *unused) {
	void *blocks[] = {malloc(40), malloc(500), malloc(6000)};
	memset(blocks[0], 1, 40), memset(blocks[1], 1, 500), memset(blocks[2], 1, 6000);
	pthread_barrier_wait(&ready);
	for (;;)
		pause();
	return unused;
}

static void threads(struct findings *found) {
	pthread_barrier_init(&ready, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		start(idle, NULL);
	pthread_barrier_wait(&ready);
	pause_ms(IDLE_MS);
	found->after = resident();
}

static pid_t run(int which) {
	pid_t child = fork();
	if (child)
		return child;
	alarm(60);
	if (which < 2)
		burst(&all[which], which ? 512 : 0);
	else
		threads(&all[which]);
	all[which].ended = 1;
	_exit(0);
}

int main(void) {
	pid_t children[3];
	int ended = 1;
	all = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 3; i++)
		children[i] = run(i);
	for (int i = 0; i < 3; i++)
		ended &= exited_zero(children[i]) && all[i].ended;
	ok(ended, "all children ended well");
	ok(all[0].after <= all[0].before + all[0].before / 10 + 8 * MB,
	   "%d blocks of %d B freed: %zu MB before, %zu at the peak, %zu when idle", BLOCKS, SIZE,
	   all[0].before / MB, all[0].peak / MB, all[0].after / MB);
	size_t rise = grown(all[1].before, all[1].peak), kept = grown(all[1].before, all[1].after);
	ok(kept <= rise / 10 * 4, "every 512th kept: %zu of %zu MB when idle", kept / MB, rise / MB);
	ok(all[2].after <= 5 * MB, "%d idle threads: %zu KB", THREADS, all[2].after / KB);
	return done();
}

/* fork.c: a child of a busy process allocates at once; fork handlers, nested forks, vfork, spawn, exit. */
#define _GNU_SOURCE
#include <malloc.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "common.h"

extern char **environ;

static atomic_int stop;
static int *shared; /* counters that survive a child */

static void *busy(void *number) {
	uint64_t state = (size_t)number + 1;
	void *blocks[64] = {0};
	while (!stop) {
		size_t at = next_random(&state) % 64, bits = next_random(&state) % 22;
		free(blocks[at]);
		blocks[at] = malloc(next_random(&state) % ((size_t)1 << bits) + 1);
	}
	for (size_t i = 0; i < 64; i++)
		free(blocks[i]);
	return NULL;
}

/* Every kind of size: cached, refilled, spans, large; and frees of what the parent made. */
static int use_heap(void) {
	int good = 1;
	for (size_t size = 1; size <= 8 * MB; size *= 2) {
		char *blocks[20];
		for (size_t i = 0; i < (size > 100 * KB ? 2 : COUNT(blocks)); i++) {
			blocks[i] = malloc(size);
			fill(blocks[i], 0, size < 10000 ? size : 10000, i);
		}
		for (size_t i = 0; i < (size > 100 * KB ? 2 : COUNT(blocks)); i++) {
			good &= intact(blocks[i], size < 10000 ? size : 10000, i);
			free(blocks[i]);
		}
	}
	return good;
}

static void *use_heap_thread(void *result) {
	*(int *)result = use_heap();
	return NULL;
}

static int child_with_thread(void) {
	int good = 0;
	pthread_join(start(use_heap_thread, &good), NULL);
	return good && use_heap();
}

static int grandchild(void) { return use_heap() && in_child(use_heap) && use_heap(); }

static char *inherited[1000];

static int frees_inherited(void) {
	int good = 1;
	for (size_t i = 0; i < COUNT(inherited); i++) {
		good &= intact(inherited[i], i * 20, i);
		free(inherited[i]);
	}
	return good && use_heap();
}

/* How many children did well, up to the first that did not: a hanging one costs its whole alarm. */
static int times(int n, int (*body)(void)) {
	int good = 0;
	while (good < n && in_child(body))
		good++;
	return good;
}

static void test_busy_parent(void) {
	pthread_t threads[6];
	for (size_t i = 0; i < COUNT(threads); i++)
		threads[i] = start(busy, (void *)i);
	int plain = times(150, use_heap), threaded = times(50, child_with_thread),
	    nested = times(25, grandchild);
	int spawned = 0;
	for (int i = 0; i < 25; i++) {
		pid_t child;
		char *arguments[] = {"true", NULL};
		spawned += posix_spawnp(&child, "true", NULL, NULL, arguments, environ) == 0 &&
		           exited_zero(child);
	}
	stop = 1;
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	ok(plain == 150, "%d of 150 children of a process with 6 allocating threads allocate at once", plain);
	ok(threaded == 50, "%d of 50 children start a thread that allocates", threaded);
	ok(nested == 25, "%d of 25 children fork again", nested);
	ok(spawned == 25, "%d of 25 posix_spawn", spawned);
}

static void test_inherited(void) {
	for (size_t i = 0; i < COUNT(inherited); i++)
		fill(inherited[i] = malloc(i * 20), 0, i * 20, i);
	ok(in_child(frees_inherited), "a child frees what its parent allocated");
	ok(frees_inherited(), "and the parent does so too");
}

static void test_vfork(void) {
	pid_t child = vfork();
	if (child == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	ok(exited_zero(child), "vfork and exec");
	ok(system("exit 0") == 0, "system");
	FILE *pipe = popen("echo hello", "r");
	char line[20] = "";
	ok(pipe && fgets(line, sizeof line, pipe) && !strcmp(line, "hello\n") && pclose(pipe) == 0, "popen");
}

/* exit runs these after main; a mistake or a crash there is the child's exit status. */
static void at_exit(void) {
	if (!use_heap())
		_exit(2);
	shared[0]++;
}

__attribute__((destructor)) static void at_end(void) {
	if (!use_heap())
		_exit(3);
	if (shared)
		shared[1]++;
}

static void test_exit(void) {
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		atexit(at_exit);
		exit(0);
	}
	ok(exited_zero(child) && shared[0] == 1 && shared[1] == 1,
	   "atexit functions and destructors allocate");
}

int main(void) {
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	test_inherited();
	test_busy_parent();
	test_vfork();
	test_exit();
	return done();
}

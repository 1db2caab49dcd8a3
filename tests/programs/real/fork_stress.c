/* fork_stress.c: forks children while six threads churn the heap; each child must be able to use it at once.
 * usage: fork_stress CHILDREN. A child that is not done after ten seconds counts as hung and is killed. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 6, KEPT = 400, AT_ONCE = 4, SECONDS = 10 };

static atomic_int stop;

/* A small fixed generator per thread: rand() would bring a lock of its own into play. */
static unsigned next_random(unsigned *state) {
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Mostly small, some of a few pages, a few larger than a chunk. */
static size_t pick_size(unsigned *state) {
	unsigned kind = next_random(state) % 1000;
	if (kind < 900)
		return 1 + next_random(state) % 1000;
	if (kind < 999)
		return 1 + next_random(state) % 100000;
	return 1 + next_random(state) % 4000000;
}

/* Marks both ends of a block, so that an overlap shows when the block is freed. */
static char *make_block(unsigned *state, size_t *size) {
	*size = pick_size(state);
	char *block = malloc(*size);
	if (!block)
		return NULL;
	block[0] = (char)*size;
	block[*size - 1] = (char)*size;
	return block;
}

static void drop_block(char *block, size_t size) {
	if (!block)
		return;
	if (block[0] != (char)size || block[size - 1] != (char)size)
		abort();
	free(block);
}

static void churn(unsigned seed, long rounds) {
	char *kept[KEPT] = {0};
	size_t sizes[KEPT] = {0};
	for (long i = 0; i != rounds && !(rounds < 0 && atomic_load(&stop)); i++) {
		unsigned at = next_random(&seed) % KEPT;
		drop_block(kept[at], sizes[at]);
		kept[at] = make_block(&seed, &sizes[at]);
		if (!kept[at])
			abort();
	}
	for (int i = 0; i < KEPT; i++)
		drop_block(kept[i], sizes[i]);
}

static void *thread_main(void *seed) {
	churn((unsigned)(size_t)seed, -1);
	return NULL;
}

static void *child_thread(void *seed) {
	churn((unsigned)(size_t)seed, 50);
	return NULL;
}

/* Every eighth child also starts a thread, which needs memory from libc itself. */
static void child_main(unsigned number) {
	pthread_t thread;
	churn(number, 100);
	if (number % 8 == 0) {
		if (pthread_create(&thread, NULL, child_thread, (void *)(size_t)number))
			_exit(2);
		pthread_join(thread, NULL);
	}
	if (number % 2)
		_exit(0);
	exit(0); /* with its handlers and the destructors of the libraries */
}

static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Waits for one child: 0 if it ended well, 1 if it failed, 2 if it hung. */
static int reap(pid_t child, double started) {
	int status;
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (now() - started > SECONDS) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			return 2;
		}
		usleep(200);
	}
	return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv) {
	unsigned children = argc > 1 ? (unsigned)atoi(argv[1]) : 100, ends[3] = {0};
	pthread_t threads[THREADS];
	pid_t running[AT_ONCE] = {0};
	double started[AT_ONCE] = {0};
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread_main, (void *)(i + 1)))
			return 3;
	for (unsigned i = 0; i < children + AT_ONCE; i++) {
		unsigned at = i % AT_ONCE;
		if (running[at])
			ends[reap(running[at], started[at])]++;
		running[at] = 0;
		if (i >= children || ends[2] >= 5)
			continue; /* five hung children say enough */
		started[at] = now();
		running[at] = fork();
		if (running[at] == 0)
			child_main(i);
		if (running[at] < 0)
			return 3;
	}
	atomic_store(&stop, 1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%u children ended well, %u failed, %u hung\n", ends[0], ends[1], ends[2]);
	return ends[0] != children;
}

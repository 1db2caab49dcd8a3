/* thread_nomem.c: threads use up the address space together: each failure is NULL and ENOMEM, each block stays
 * intact, and when all is freed there is memory again. */
#define _GNU_SOURCE
#include <stdatomic.h>

#include "common.h"

enum { THREADS = 4, BLOCKS = 2000, ROUNDS = 3, LIMIT = 160 << 20 };
static atomic_int failures, wrong_errors, damaged;

static void *use_up(void *index) {
	static char *blocks[THREADS][BLOCKS];
	static size_t sizes[THREADS][BLOCKS];
	char **mine = blocks[(size_t)index];
	size_t *size = sizes[(size_t)index];
	uint64_t state = 3 + (uint64_t)(size_t)index;
	for (int round = 0; round < ROUNDS; round++) {
		size_t n = 0, failed = 0;
		while (n < BLOCKS && failed < 10) {
			size[n] = next_random(&state) % (n % 8 ? 5000 : 1000000) + 1;
			errno = 0;
			mine[n] = n % 2 ? malloc(size[n]) : realloc(NULL, size[n]);
			if (mine[n]) {
				memset(mine[n], (int)n, size[n]);
				n++;
			} else {
				failed++;
				wrong_errors += errno != ENOMEM;
			}
		}
		failures += (int)failed;
		while (n-- > 0) {
			damaged += mine[n][0] != (char)n || mine[n][size[n] - 1] != (char)n;
			free(mine[n]);
		}
	}
	return NULL;
}

static int lives_through(void) {
	struct rlimit limit = {LIMIT, LIMIT};
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++) /* their stacks come before the limit */
		threads[i] = start(use_up, (void *)i);
	setrlimit(RLIMIT_AS, &limit);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	void *block = malloc(20 * MB);
	return failures > 0 && wrong_errors == 0 && damaged == 0 && block;
}

int main(void) {
	ok(in_child(lives_through), "%d threads use up %d MB of addresses %d times", THREADS, LIMIT >> 20,
	   ROUNDS);
	return done();
}

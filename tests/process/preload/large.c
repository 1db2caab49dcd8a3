/* large.c: threads that take, grow, shrink and free large blocks at once. What one thread unmaps, another may
 * be given by the kernel at the same instant, at the same address: no record of the old block may then hit
 * the new. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdatomic.h>

#include "common.h"

enum { THREADS = 8, STEPS = 12000, EDGE = 256 };

static atomic_int damaged;

/* Only the edges are written: the mappings matter, not the pages. */
static void mark(char *block, size_t size, uint64_t tag) {
	fill(block, 0, EDGE, tag);
	fill(block + size - EDGE, 0, EDGE, tag + 1);
}

static int marked(const char *block, size_t size, uint64_t tag) {
	return intact(block, EDGE, tag) && intact(block + size - EDGE, EDGE, tag + 1);
}

static size_t some_size(uint64_t *state) {
	static const size_t most[] = {300 * KB, 3 * MB, 9 * MB, 12 * MB, 20 * MB};
	return EDGE * 2 + next_random(state) % most[next_random(state) % COUNT(most)];
}

static void *resized(char *block, size_t old, size_t size, uint64_t tag) {
	char *moved = realloc(block, size);
	if (!moved || !intact(moved, EDGE, tag) ||
	    (size >= old && !intact(moved + old - EDGE, EDGE, tag + 1)))
		atomic_fetch_add(&damaged, 1);
	return moved;
}

static void *work(void *number) {
	char *blocks[8] = {0};
	size_t sizes[8] = {0};
	uint64_t state = (size_t)number * 7919 + 13;
	for (int i = 0; i < STEPS; i++) {
		size_t at = next_random(&state) % COUNT(blocks), size = some_size(&state);
		if (blocks[at] && !marked(blocks[at], sizes[at], at))
			atomic_fetch_add(&damaged, 1);
		if (blocks[at] && i % 3)
			blocks[at] = resized(blocks[at], sizes[at], size, at);
		else {
			free(blocks[at]);
			blocks[at] = malloc(size);
		}
		mark(blocks[at], size, at);
		sizes[at] = size;
	}
	for (size_t i = 0; i < COUNT(blocks); i++)
		free(blocks[i]);
	return NULL;
}

int main(void) {
	run_threads(THREADS, work);
	ok(damaged == 0, "%d threads resize large blocks %d times each, contents intact", THREADS, STEPS);
	return done();
}

// pair.c: the loop whose instructions are counted: COUNT blocks of SIZE bytes taken and freed, BATCH at a
// time.
//
// usage: pair SIZE COUNT [BATCH]        (BATCH: 1, at most 4096; freed in the order of allocation)
// Run under callgrind with two values of COUNT; the difference, divided by the difference in COUNT, is the
// cost of one malloc and free in the steady state, together with some ten instructions of this loop.

#include <stdio.h>
#include <stdlib.h>

enum { max_batch = 4096 };

static void *blocks[max_batch];

// The compiler must neither drop the block nor guess what it holds.
static void use(void *block) { __asm__ volatile("" : : "r"(block) : "memory"); }

static void turn(size_t size, long batch) {
	for (long i = 0; i < batch; i++) {
		blocks[i] = malloc(size);
		if (!blocks[i])
			exit(1);
		use(blocks[i]);
	}
	for (long i = 0; i < batch; i++)
		free(blocks[i]);
}

int main(int argc, char **argv) {
	long size = argc > 2 ? atol(argv[1]) : 0, count = argc > 2 ? atol(argv[2]) : 0,
	     batch = argc > 3 ? atol(argv[3]) : 1;
	if (size < 1 || count < 1 || batch < 1 || batch > max_batch) {
		fprintf(stderr, "usage: pair SIZE COUNT [BATCH]\n");
		return 2;
	}
	for (long done = 0; done < count; done += batch)
		turn((size_t)size, batch);
	return 0;
}

/* realloc.c: contents kept in every direction, memory given back on shrinking, no copying of what is large.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <sys/mman.h>

#include "common.h"

static volatile size_t half = PTRDIFF_MAX, whole = SIZE_MAX;

/* Move to size; report whether the common prefix survived; complete the pattern. */
static int step(char **block, size_t *size, size_t wanted, uint64_t tag) {
	char *moved = realloc(*block, wanted);
	if (!moved)
		return 0;
	*block = moved;
	int kept = intact(moved, wanted < *size ? wanted : *size, tag);
	if (wanted > *size)
		fill(moved, *size, wanted, tag);
	*size = wanted;
	return kept && malloc_usable_size(moved) >= wanted;
}

static void test_up_and_down(void) {
	size_t size = 1;
	char *block = malloc(size);
	int kept = 1;
	fill(block, 0, size, 5);
	while (size < 64 * MB)
		kept &= step(&block, &size, size + size / 3 + 1, 5);
	ok(kept, "contents kept growing from 1 B to 64 MB");
	kept = 1;
	while (size > 1)
		kept &= step(&block, &size, size - size / 4 - 1 ? size - size / 4 - 1 : 1, 5);
	ok(kept, "contents kept shrinking from 64 MB to 1 B");
	free(block);
}

/* Jumps between any two sizes, with the block's neighbours live so that moves are real. */
static void test_jumps(void) {
	uint64_t state = 11;
	size_t size = 100;
	char *block = malloc(size), *neighbours[300];
	int kept = 1;
	fill(block, 0, size, 6);
	for (size_t i = 0; i < COUNT(neighbours); i++) {
		size_t bits = next_random(&state) % 25;
		kept &= step(&block, &size, ((size_t)1 << bits) + next_random(&state) % ((size_t)1 << bits),
		             6);
		neighbours[i] = malloc(size < 300000 ? size : 300000);
	}
	ok(kept, "contents kept in %zu jumps between 1 B and 32 MB", COUNT(neighbours));
	for (size_t i = 0; i < COUNT(neighbours); i++)
		free(neighbours[i]);
	free(block);
}

static void test_byte_by_byte(void) {
	size_t size = 1;
	char *block = malloc(size);
	int kept = 1;
	fill(block, 0, size, 7);
	while (size < 5000)
		kept &= step(&block, &size, size + 1, 7);
	while (size > 1)
		kept &= step(&block, &size, size - 1, 7);
	ok(kept, "contents kept byte by byte up to 5000 B and down again");
	free(block);
}

static void test_aligned(void) {
	int kept = 1;
	for (size_t alignment = 16; alignment <= 4 * MB; alignment *= 4) {
		size_t size = 3000;
		char *block = memalign(alignment, size);
		fill(block, 0, size, alignment);
		kept &= step(&block, &size, 200000, alignment);
		kept &= step(&block, &size, 5 * MB, alignment);
		kept &= step(&block, &size, 50, alignment);
		free(block);
	}
	ok(kept, "blocks of memalign keep their contents in realloc");
}

/* In a child that has freed nothing before: a heap may keep what a program frees and wants again. */
static size_t shrunk_size;

static int gives_back(void) {
	char *block = malloc(64 * MB);
	fill(block, 0, 64 * MB, 9);
	size_t full = resident();
	block = realloc(block, shrunk_size);
	return grown(resident(), full) > 60 * MB - shrunk_size && intact(block, shrunk_size, 9);
}

static void test_shrink(void) {
	static const size_t sizes[] = {100, 100 * KB, 3 * MB};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		shrunk_size = sizes[i];
		ok(in_child(gives_back), "64 MB shrunk to %zu B: the rest is given back, the contents kept",
		   sizes[i]);
	}
}

static void test_failure(void) {
	static const size_t sizes[] = {1, 100, 5000, 100000, 3 * MB, 64 * MB};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		char *block = malloc(sizes[i]);
		int failed = 1;
		/* the last two are legal sizes, which only the system refuses */
		size_t wanted[] = {half + 1, whole, whole - 4096, half, (size_t)1 << 60};
		fill(block, 0, sizes[i], i);
		for (size_t k = 0; k < COUNT(wanted); k++) {
			errno = 0;
			failed &= realloc(block, wanted[k]) == NULL && errno == ENOMEM;
		}
		ok(failed, "realloc of %zu B to too much: NULL and ENOMEM", sizes[i]);
		ok(intact(block, sizes[i], i), "the block of %zu B is intact", sizes[i]);
		size_t size = sizes[i];
		ok(step(&block, &size, size * 2, i), "and can still grow");
		free(block);
	}
}

static double touch_time(size_t size) {
	double begin = cpu_seconds();
	char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(area, 1, size);
	double time = cpu_seconds() - begin;
	munmap(area, size);
	return time;
}

/* Copying at each of the 255 steps would move 32 GB; moving the mapping moves nothing. */
static void test_growth(void) {
	double once = touch_time(256 * MB), begin = cpu_seconds();
	long before = faults();
	char *block = malloc(MB);
	memset(block, 1, MB);
	for (size_t size = 2 * MB; size <= 256 * MB; size += MB) {
		block = realloc(block, size);
		memset(block + size - MB, 1, MB);
	}
	long pages = (long)(256 * MB / (size_t)sysconf(_SC_PAGESIZE));
	double time = cpu_seconds() - begin;
	ok(faults() - before < pages + pages / 4, "1 MB to 256 MB by 1 MB: %ld faults for %ld pages",
	   faults() - before, pages);
	ok(time < 8 * once, "and %.0f ms of CPU time, where touching them once takes %.0f", time * 1e3,
	   once * 1e3);
	free(block);
}

int main(void) {
	test_shrink();
	test_up_and_down();
	test_jumps();
	test_byte_by_byte();
	test_aligned();
	test_failure();
	test_growth();
	return done();
}

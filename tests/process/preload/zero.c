/* zero.c: size zero as glibc treats it, and calloc's zeroes in memory that was dirty before. */
#define _GNU_SOURCE
#include <malloc.h>

#include "common.h"

static volatile size_t none = 0; /* volatile: no warning, no folding */

static void test_malloc_zero(void) {
	enum { N = 2000 };
	static void *blocks[N];
	int unique = 1;
	for (size_t i = 0; i < N; i++) {
		blocks[i] = malloc(none);
		unique &= blocks[i] != NULL && (i == 0 || blocks[i] != blocks[i - 1]);
	}
	for (size_t i = 0; i < 300; i++)
		for (size_t k = 0; k < i; k++)
			unique &= blocks[i] != blocks[k];
	ok(unique, "malloc(0) returns unique pointers");
	for (size_t i = 0; i < N; i++)
		free(blocks[i]);
	void *a = calloc(none, 8), *b = calloc(8, none), *c = realloc(NULL, none), *d = memalign(64, none);
	ok(a && b && c && d,
	   "calloc(0, n), calloc(n, 0), realloc(NULL, 0) and memalign(64, 0) return blocks");
	free(a), free(b), free(c), free(d);
}

static void test_realloc_null(void) {
	char *block = realloc(NULL, 1000);
	ok(block && malloc_usable_size(block) >= 1000, "realloc(NULL, n) allocates");
	fill(block, 0, 1000, 3);
	free(block);
}

/* Did n rounds of allocating size bytes and realloc(p, 0) return NULL each time, and keep no memory? */
static int releases(size_t size, size_t n, int by_array) {
	size_t before = resident();
	for (size_t i = 0; i < n; i++) {
		char *block = malloc(size);
		memset(block, 1, size);
		void *rest = by_array ? reallocarray(block, none, 8) : realloc(block, none);
		if (rest != NULL)
			return 0;
	}
	return grown(before, resident()) < 16 * MB;
}

static void test_realloc_zero(void) {
	errno = 12345;
	ok(releases(1000, 100000, 0), "realloc(p, 0) frees a small block and returns NULL");
	ok(releases(100000, 1000, 0), "realloc(p, 0) frees a 100 KB block and returns NULL");
	ok(releases(5 * MB, 20, 0), "realloc(p, 0) frees a 5 MB block and returns NULL");
	ok(releases(1000, 100000, 1), "reallocarray(p, 0, n) frees and returns NULL");
	ok(errno == 12345, "they keep errno");
}

/* Dirty blocks of the size and around it are freed, so that calloc's memory is likely theirs. */
static int zero_after_dirt(size_t size, size_t n) {
	char **blocks = calloc(n, sizeof *blocks);
	int zero = 1;
	for (size_t i = 0; i < n; i++) {
		blocks[i] = malloc(size + i % 3 * (size / 5));
		memset(blocks[i], 0xa5, malloc_usable_size(blocks[i]));
	}
	for (size_t i = 0; i < n; i++)
		free(blocks[i]);
	for (size_t i = 0; i < n; i++) {
		blocks[i] = i % 2 ? calloc(1, size) : calloc(size, 1);
		zero &= blocks[i] && all_zero(blocks[i], size);
		memset(blocks[i], 0x5a, size);
	}
	for (size_t i = 0; i < n; i++)
		free(blocks[i]);
	free(blocks);
	return zero;
}

static void test_calloc(void) {
	static const struct {
		size_t size, n;
	} cases[] = {{1, 3000},      {16, 3000},   {48, 20000},    {130, 5000},     {1000, 5000},
	             {4 * KB, 2000}, {9000, 1000}, {40 * KB, 400}, {100 * KB, 200}, {500 * KB, 60},
	             {900 * KB, 30}, {3 * MB, 12}, {100 * MB, 1}};
	for (size_t round = 0; round < 2; round++)
		for (size_t i = 0; i < COUNT(cases); i++)
			ok(zero_after_dirt(cases[i].size, cases[i].n),
			   "calloc of %zu B is zero after dirty frees, round %zu", cases[i].size, round + 1);
}

/* Growing a calloc'ed block by realloc may hand out dirty memory; the part that was zero must stay so. */
static void test_calloc_then_realloc(void) {
	int zero = 1;
	for (size_t size = 10; size < 8 * MB; size *= 3) {
		char *block = realloc(calloc(1, size), size * 4);
		zero &= block && all_zero(block, size);
		free(block);
	}
	ok(zero, "realloc keeps calloc's zeroes");
}

int main(void) {
	test_malloc_zero();
	test_realloc_null();
	test_realloc_zero();
	test_calloc();
	test_calloc_then_realloc();
	return done();
}

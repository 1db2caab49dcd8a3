/* errno.c: which calls fail, with what errno, and that successful calls and free leave errno alone. */
#define _GNU_SOURCE
#include <malloc.h>

#include "common.h"

#define MARK 12345 /* no errno value, so that any write shows */

/* volatile: the compiler must neither warn of these sizes nor decide the outcome */
static volatile size_t half = PTRDIFF_MAX, whole = SIZE_MAX, page = 4096;

static int fails(void *block, int error) {
	int seen = errno;
	errno = MARK;
	return block == NULL && seen == error;
}

static void test_too_large(void) {
	size_t sizes[] = {half + 1, half + 4096, whole, whole - 4096, whole - 4095, whole - 16};
	errno = MARK;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		ok(fails(malloc(sizes[i]), ENOMEM), "malloc(%#zx): ENOMEM", sizes[i]);
		ok(fails(realloc(NULL, sizes[i]), ENOMEM), "realloc(NULL, %#zx): ENOMEM", sizes[i]);
		ok(fails(calloc(1, sizes[i]), ENOMEM), "calloc(1, %#zx): ENOMEM", sizes[i]);
		ok(fails(valloc(sizes[i]), ENOMEM), "valloc(%#zx): ENOMEM", sizes[i]);
		ok(fails(pvalloc(sizes[i]), ENOMEM), "pvalloc(%#zx): ENOMEM", sizes[i]);
		ok(fails(memalign(64, sizes[i]), ENOMEM), "memalign(64, %#zx): ENOMEM", sizes[i]);
		ok(fails(aligned_alloc(8192, sizes[i]), ENOMEM), "aligned_alloc(8192, %#zx): ENOMEM",
		   sizes[i]);
	}
}

static void test_product(void) {
	size_t pairs[][2] = {{whole, 2},        {2, whole},           {whole / 2, 3},
	                     {half / 8 + 1, 8}, {whole / 48 + 1, 48}, {(size_t)1 << 32, (size_t)1 << 32},
	                     {whole, whole}};
	void *volatile block = malloc(100); /* volatile: gcc would call it freed by the failing call */
	fill(block, 0, 100, 1);
	errno = MARK;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		size_t n = pairs[i][0], size = pairs[i][1];
		ok(fails(calloc(n, size), ENOMEM), "calloc(%#zx, %#zx): ENOMEM", n, size);
		ok(fails(reallocarray(NULL, n, size), ENOMEM), "reallocarray(NULL, %#zx, %#zx): ENOMEM", n,
		   size);
		ok(fails(reallocarray(block, n, size), ENOMEM), "reallocarray(block, %#zx, %#zx): ENOMEM", n,
		   size);
	}
	ok(intact(block, 100, 1), "a failed reallocarray leaves the block as it was");
	free(block);
}

static void test_size_plus_alignment(void) {
	size_t top = (size_t)1 << 63;
	size_t pairs[][2] = {{page, whole - page},
	                     {page, half},
	                     {(size_t)1 << 30, half - 100},
	                     {top, 1},
	                     {top, top},
	                     {top / 2, half},
	                     {top / 2, top / 2},
	                     {top / 2, 1}};
	errno = MARK;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		size_t alignment = pairs[i][0], size = pairs[i][1];
		ok(fails(memalign(alignment, size), ENOMEM), "memalign(%#zx, %#zx): ENOMEM", alignment, size);
		ok(fails(aligned_alloc(alignment, size), ENOMEM), "aligned_alloc(%#zx, %#zx): ENOMEM",
		   alignment, size);
		void *mark = &mark, *block = mark;
		int error = posix_memalign(&block, alignment, size);
		ok(error == ENOMEM && block == mark && fails(NULL, ENOMEM),
		   "posix_memalign(%#zx, %#zx): ENOMEM, returned and in errno as glibc has it, pointer as "
		   "before",
		   alignment, size);
	}
}

static void test_posix_memalign(void) {
	size_t wrong[] = {0, 1, 2, 3, 4, 7, 9, 12, 24, 48, 100, 4097, whole, whole - 7};
	size_t right[] = {8, 16, 32, 64, 4096, 65536};
	errno = MARK;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		void *mark = &mark, *block = mark;
		int error = posix_memalign(&block, wrong[i], 100);
		ok(error == EINVAL && block == mark && errno == MARK,
		   "posix_memalign, alignment %#zx: EINVAL, errno and pointer as before", wrong[i]);
	}
	for (size_t i = 0; i < COUNT(right); i++) {
		void *block = NULL;
		int error = posix_memalign(&block, right[i], 100);
		ok(error == 0 && block && (uintptr_t)block % right[i] == 0 && errno == MARK,
		   "posix_memalign, alignment %zu: succeeds, errno as before", right[i]);
		free(block);
	}
}

static void test_odd_alignments(void) {
	size_t wrong[] = {0, 3, 5, 6, 7, 24, 48, 100, 4097, half, whole};
	size_t rounded[][2] = {{0, 1},   {3, 4},     {24, 32},     {33, 64},
	                       {48, 64}, {100, 128}, {4097, 8192}, {70000, 131072}};
	errno = MARK;
	for (size_t i = 0; i < COUNT(wrong); i++)
		ok(fails(aligned_alloc(wrong[i], 96), EINVAL), "aligned_alloc, alignment %#zx: EINVAL",
		   wrong[i]);
	for (size_t i = 0; i < COUNT(rounded); i++) {
		/* several, as one block may be aligned by chance */
		void *blocks[8];
		int aligned = 1;
		for (size_t k = 0; k < COUNT(blocks); k++) {
			blocks[k] = memalign(rounded[i][0], 40);
			aligned &= blocks[k] && (uintptr_t)blocks[k] % rounded[i][1] == 0;
		}
		ok(aligned, "memalign, alignment %zu, is rounded up to %zu", rounded[i][0], rounded[i][1]);
		for (size_t k = 0; k < COUNT(blocks); k++)
			free(blocks[k]);
	}
	ok(fails(memalign(half + 2, 8), EINVAL), "memalign, alignment over the top power of two: EINVAL");
}

static void test_success_keeps_errno(void) {
	size_t sizes[] = {0, 1, 48, 1000, 20000, 100000, 700000, 3 * MB, 64 * MB};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		errno = MARK;
		void *first = malloc(sizes[i]), *second = calloc(1, sizes[i]),
		     *third = memalign(256, sizes[i]);
		first = realloc(first, sizes[i] + 1);
		first = realloc(first, sizes[i] * 2 + 1);
		ok(first && second && third && errno == MARK, "allocating %zu B keeps errno", sizes[i]);
		free(first);
		free(second);
		free(third);
		ok(errno == MARK, "freeing %zu B keeps errno", sizes[i]);
	}
}

static void test_free_keeps_errno(void) {
	enum { N = 40000 };
	static void *blocks[N];
	char *big = malloc(64 * MB);
	memset(big, 1, 64 * MB);
	for (size_t i = 0; i < N; i++) {
		blocks[i] = malloc(i % 4 ? 2000 : 20000);
		memset(blocks[i], 1, 2000);
	}
	errno = MARK;
	free(big);
	ok(errno == MARK, "free of a touched 64 MB block keeps errno");
	int kept = 1;
	for (size_t i = 0; i < N; i++) {
		free(blocks[i]);
		kept &= errno == MARK;
	}
	ok(kept, "%d frees that give memory back keep errno, each", N);
	free(NULL);
	ok(errno == MARK, "free(NULL) keeps errno");
}

int main(void) {
	test_too_large();
	test_product();
	test_size_plus_alignment();
	test_posix_memalign();
	test_odd_alignments();
	test_success_keeps_errno();
	test_free_keeps_errno();
	return done();
}

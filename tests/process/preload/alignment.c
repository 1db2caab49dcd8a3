/* alignment.c: every block is aligned as promised, its whole usable size is its own, and it can be freed. */
#define _GNU_SOURCE
#include <malloc.h>

#include "common.h"

static int aligned(const void *block, size_t alignment) { return block && (uintptr_t)block % alignment == 0; }

/* ALIGNMENT is at most that of max_align_t, 16, whatever the size */
static void test_malloc(void) {
	int malloc_ok = 1, calloc_ok = 1, realloc_ok = 1, usable_ok = 1;
	for (size_t size = 0; size < 8 * MB; size = size < 4096 ? size + 1 : size + size / 7) {
		void *a = malloc(size), *b = calloc(1, size), *c = realloc(malloc(1), size + 1);
		malloc_ok &= aligned(a, 16);
		calloc_ok &= aligned(b, 16);
		realloc_ok &= aligned(c, 16);
		usable_ok &= malloc_usable_size(a) >= size && malloc_usable_size(b) >= size;
		usable_ok &= malloc_usable_size(c) >= size + 1;
		free(a);
		free(b);
		free(c);
	}
	ok(malloc_ok, "malloc aligns sizes 0..4096 and 60 more to 16");
	ok(calloc_ok, "so does calloc");
	ok(realloc_ok, "so does realloc");
	ok(usable_ok, "the usable size is at least the size");
	ok(malloc_usable_size(NULL) == 0, "malloc_usable_size(NULL) is 0");
}

static void *by_posix_memalign(size_t alignment, size_t size) {
	void *block = NULL;
	return posix_memalign(&block, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) ? NULL
	                                                                                             : block;
}

static const struct {
	const char *name;
	void *(*allocate)(size_t alignment, size_t size);
} functions[] = {
        {"memalign", memalign}, {"aligned_alloc", aligned_alloc}, {"posix_memalign", by_posix_memalign}};

/* One block per size, all live at once, written fully, read back, freed in mixed order. */
static int all_sizes(void *(*allocate)(size_t, size_t), size_t alignment) {
	static const size_t sizes[] = {0, 1, 8, 100, 5000, 70000, 3 * MB};
	void *blocks[COUNT(sizes)];
	int good = 1;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		blocks[i] = allocate(alignment, sizes[i]);
		if (!aligned(blocks[i], alignment) || malloc_usable_size(blocks[i]) < sizes[i])
			return 0;
		fill(blocks[i], 0, sizes[i], alignment + i);
	}
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t at = i * 3 % COUNT(sizes);
		good &= intact(blocks[at], sizes[at], alignment + at);
		free(blocks[at]);
	}
	return good;
}

static void test_aligned(void) {
	for (size_t f = 0; f < COUNT(functions); f++)
		for (size_t alignment = 1; alignment <= (size_t)1 << 30; alignment *= 2)
			ok(all_sizes(functions[f].allocate, alignment), "%s, alignment %zu, 0 B to 3 MB",
			   functions[f].name, alignment);
}

static void test_pages(void) {
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int valloc_ok = 1, pvalloc_ok = 1;
	for (size_t size = 0; size < 3 * MB; size = size * 2 + 1) {
		void *a = valloc(size), *b = pvalloc(size);
		size_t rounded = (size + page - 1) / page * page;
		valloc_ok &= aligned(a, page) && malloc_usable_size(a) >= size;
		pvalloc_ok &= aligned(b, page) && malloc_usable_size(b) >= rounded;
		fill(b, 0, rounded, size);
		free(a);
		free(b);
	}
	ok(valloc_ok, "valloc aligns to a page");
	ok(pvalloc_ok, "pvalloc aligns to a page and rounds the size up to whole pages");
}

/* What an aligned block leaves free in front of it and behind it serves again: nothing grows from round to round. */
static void test_reuse(void) {
	static void *kept[500];
	size_t before = 0;
	for (size_t round = 0; round < 40; round++) {
		if (round == 4)
			before = resident();
		for (size_t i = 0; i < COUNT(kept); i++) {
			size_t size = 1 + i * 131 % 20000;
			kept[i] = memalign((size_t)16 << (i + round) % 12, size);
			fill(kept[i], 0, size, i);
		}
		for (size_t i = 0; i < COUNT(kept); i++)
			free(kept[i * 7 % COUNT(kept)]);
	}
	size_t rise = grown(before, resident());
	ok(rise < 8 * MB, "36 more rounds of aligned blocks grow the heap by %zu KB", rise / KB);
}

enum { N = 4000 };
static struct block {
	char *bytes;
	size_t usable;
} blocks[N];

static void allocate_mixed(void) {
	uint64_t state = 7;
	for (size_t i = 0; i < N; i++) {
		size_t size = (size_t)(next_random(&state) % (i % 100 ? 3000 : 300000));
		size_t alignment = (size_t)16 << next_random(&state) % 6;
		blocks[i].bytes = i % 3 ? malloc(size) : memalign(alignment, size);
		blocks[i].usable = malloc_usable_size(blocks[i].bytes);
		fill(blocks[i].bytes, 0, blocks[i].usable, i);
	}
}

static void test_usable_is_own(void) {
	int own = 1;
	allocate_mixed();
	for (size_t i = 0; i < N; i++)
		own &= intact(blocks[i].bytes, blocks[i].usable, i);
	ok(own, "%d blocks filled to their usable size leave each other alone", N);
	for (size_t i = 0; i < N; i += 2)
		free(blocks[i].bytes);
	own = 1;
	for (size_t i = 1; i < N; i += 2)
		own &= intact(blocks[i].bytes, blocks[i].usable, i);
	ok(own, "freeing their neighbours leaves them alone");
	for (size_t i = 1; i < N; i += 2)
		free(blocks[i].bytes);
}

int main(void) {
	test_malloc();
	test_aligned();
	test_pages();
	test_reuse();
	test_usable_is_own();
	return done();
}

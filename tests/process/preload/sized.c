/* sized.c: C23's free_sized and free_aligned_sized, and old cfree: they free, take NULL, keep errno. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>

#include "common.h"

static void (*sized)(void *, size_t);
static void (*aligned_sized)(void *, size_t alignment, size_t);
static void (*old)(void *);

static void by_free_sized(size_t size) {
	char *block = size % 3 ? malloc(size) : calloc(1, size);
	memset(block, 1, size);
	sized(block, size);
}

static void by_free_aligned_sized(size_t size) {
	char *block = aligned_alloc(256, size);
	memset(block, 1, size);
	aligned_sized(block, 256, size);
}

static void by_cfree(size_t size) {
	char *block = calloc(1, size);
	memset(block, 1, size);
	old(block);
}

/* If nothing were freed, each size would leave 100 MB or more behind. */
static void check(const char *name, void (*cycle)(size_t size)) {
	static const size_t sizes[] = {48, 1024, 20480, 102400, 3 * MB};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t before = resident();
		errno = 12345;
		for (size_t n = 0; n < 100 * MB / sizes[i]; n++)
			cycle(sizes[i]);
		ok(grown(before, resident()) < 20 * MB, "%s frees blocks of %zu B", name, sizes[i]);
		ok(errno == 12345, "and keeps errno");
	}
}

int main(void) {
	*(void **)&sized = dlsym(RTLD_DEFAULT, "free_sized");
	*(void **)&aligned_sized = dlsym(RTLD_DEFAULT, "free_aligned_sized");
	*(void **)&old = dlsym(RTLD_DEFAULT, "cfree");
	if (!ok(sized && aligned_sized && old, "free_sized, free_aligned_sized and cfree exist"))
		return done();
	check("free_sized", by_free_sized);
	check("free_aligned_sized", by_free_aligned_sized);
	check("cfree", by_cfree);
	sized(NULL, 0);
	aligned_sized(NULL, 16, 0);
	old(NULL);
	ok(1, "NULL is fine");
	return done();
}

/* names.c: every name of the malloc family, C and C++, is ours for the whole process. */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "common.h"

static const char *const family[] = {
        "malloc",
        "calloc",
        "realloc",
        "free",
        "reallocarray",
        "posix_memalign",
        "aligned_alloc",
        "memalign",
        "valloc",
        "pvalloc",
        "malloc_usable_size",
        "free_sized",
        "free_aligned_sized",
        "cfree",
        "malloc_trim",
        "malloc_info",
        "mallinfo",
        "mallinfo2",
        "mallopt",
        "malloc_stats",
        "bm_stats_print",
};

static const char *const operators[] = {
        "_Znwm",
        "_Znam",
        "_ZnwmRKSt9nothrow_t",
        "_ZnamRKSt9nothrow_t",
        "_ZnwmSt11align_val_t",
        "_ZnamSt11align_val_t",
        "_ZnwmSt11align_val_tRKSt9nothrow_t",
        "_ZnamSt11align_val_tRKSt9nothrow_t",
        "_ZdlPv",
        "_ZdaPv",
        "_ZdlPvRKSt9nothrow_t",
        "_ZdaPvRKSt9nothrow_t",
        "_ZdlPvm",
        "_ZdaPvm",
        "_ZdlPvSt11align_val_t",
        "_ZdaPvSt11align_val_t",
        "_ZdlPvmSt11align_val_t",
        "_ZdaPvmSt11align_val_t",
        "_ZdlPvSt11align_val_tRKSt9nothrow_t",
        "_ZdaPvSt11align_val_tRKSt9nothrow_t",
};

static const char *last_part(const char *path) {
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int from_library(void *function, const char *library) {
	Dl_info info;
	return function && dladdr(function, &info) && !strcmp(last_part(info.dli_fname), library);
}

static void check(const char *const *names, size_t n, const char *library) {
	for (size_t i = 0; i < n; i++)
		ok(from_library(dlsym(RTLD_DEFAULT, names[i]), library), "%s is from %s", names[i], library);
}

int main(void) {
	const char *preload = getenv("LD_PRELOAD");
	const char *library = last_part(preload ? preload : "libbuddymalloc.so");
	check(family, COUNT(family), library);
	check(operators, COUNT(operators), library);
	ok(from_library((void *)malloc, library) && from_library((void *)free, library),
	   "the program's own references lead there too");
	return done();
}

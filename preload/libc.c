/* libc.c: the names of the C library. Contract: the glibc manual, "Replacing malloc", and C23
 * 7.24.3. All are thread-safe; sizes and alignments are bytes. */
#include "export.h"
#include "process.h"

#include "front/malloc.h"
#include "ground/os.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

/* Not declared by the headers of older libcs. */
void cfree(void *block);
void free_sized(void *block, size_t size);
void free_aligned_sized(void *block, size_t align, size_t size);

static void *invalid(void) {
	errno = EINVAL;
	return NULL;
}

EXPORT void *malloc(size_t size) { return allocate(size); }
EXPORT void free(void *block) { release(block); }
EXPORT void cfree(void *block) { release(block); }
EXPORT void free_sized(void *block, size_t size) { release_by(block, BY_MALLOC, size); }
EXPORT void free_aligned_sized(void *block, size_t align, size_t size) {
	(void)align, release_by(block, BY_MALLOC, size);
}
EXPORT void *calloc(size_t n, size_t size) { return allocate_zeroed(n, size); }
EXPORT void *realloc(void *block, size_t size) { return reallocate(block, size); }
EXPORT size_t malloc_usable_size(void *block) { return usable_size(block); }

/* ENOMEM when n * size overflows; the block is then as it was. It calls the realloc that the
 * program uses, as libc's own does: a program with a malloc, calloc, realloc and free of its own
 * seldom has this one. */
EXPORT void *reallocarray(void *block, size_t n, size_t size) {
	size_t total;
	if (__builtin_mul_overflow(n, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(block, total);
}

/* EINVAL when align is no power of two (C23). */
EXPORT void *aligned_alloc(size_t align, size_t size) {
	return is_power_of_two(align) ? allocate_aligned(align, size) : invalid();
}

/* align is rounded up to a power of two, as glibc does; EINVAL when there is none. */
EXPORT void *memalign(size_t align, size_t size) {
	if (align > SIZE_MAX / 2 + 1)
		return invalid();
	return allocate_aligned((size_t)1 << ceil_log2(align), size);
}

/* Returns 0, EINVAL or ENOMEM; *block is kept unless it returns 0. POSIX leaves errno open; as with
 * glibc it is set to ENOMEM when that is returned, and kept otherwise. */
EXPORT int posix_memalign(void **block, size_t align, size_t size) {
	if (!is_power_of_two(align) || align % sizeof(void *) != 0)
		return EINVAL;
	void *taken = allocate_aligned(align, size);
	if (!taken)
		return ENOMEM;
	*block = taken;
	return 0;
}

EXPORT void *valloc(size_t size) { return allocate_aligned(os_page_size(), size); }

/* valloc of a size that is rounded up to whole pages. */
EXPORT void *pvalloc(size_t size) {
	size_t page = os_page_size();
	return allocate_aligned(page, size > SIZE_MAX - page ? size : align_up(max_size(size, 1), page));
}

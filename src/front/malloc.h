/* malloc.h (level 8): what malloc and its family mean: sizes, zero, overflow, alignment, realloc,
 * errors.
 *
 * All sizes are bytes; all functions may be called from any thread, at any time of a process's
 * life, and set errno to ENOMEM when they return NULL for want of memory. `call` names the libc
 * function for the sentence on misuse.
 */
#ifndef MALLOC_H
#define MALLOC_H

#include "front/cache.h"
#include "guard/guard.h"

/* The slow paths of allocate and release (size 0: not known); release_far is for what lies outside
 * the window. */
COLD void *allocate_slow(size_t size, enum family family);
COLD void release_slow(void *block, enum family family, size_t size);
COLD void release_far(void *block, enum family family, size_t size);
COLD void release_sized_slow(void *block, enum family family, size_t size);

/* A block of at least `size` bytes, aligned to 16, its content undefined. */
static inline void *allocate_by(size_t size, enum family family) {
	if (unlikely(size > SMALL_MAX))
		return allocate_slow(size, family);
	void *slot = cache_take_fast(thread_cache, class_of(size));
	return likely(slot) ? slot : allocate_slow(size, family);
}
static inline void *allocate(size_t size) { return allocate_by(size, BY_MALLOC); }

/* Frees a block; NULL is none. errno is kept. A block with a frame (guard.h) knows the size that
 * was asked for: it is compared with `size`, unless that is 0. */
static inline void release_by(void *block, enum family family, size_t size) {
	uintptr_t offset = pagemap_offset(block);
	if (unlikely(!pagemap_in_window(offset)))
		release_far(block, family, size);
	else if (unlikely(!cache_put_fast(thread_cache, pagemap_window_class(offset), block)))
		release_slow(block, family, size);
}
static inline void release(void *block) { release_by(block, BY_MALLOC, 0); }

/* Frees a block that was asked for with this size and no alignment; a block of another class is
 * misuse. */
static inline void release_sized_by(void *block, size_t size, enum family family) {
	uintptr_t offset = pagemap_offset(block);
	if (likely(size <= SMALL_MAX && pagemap_in_window(offset))) {
		unsigned class = class_of(size);
		if (likely(class == pagemap_window_class(offset) &&
		           cache_put_fast(thread_cache, class, block)))
			return;
	}
	release_sized_slow(block, family, size);
}

/* A block of n * size bytes, all of them zero. */
void *allocate_zeroed(size_t n, size_t size);

/* A block whose address is a multiple of `align`, a power of two. */
void *allocate_aligned_by(size_t align, size_t size, enum family family);
static inline void *allocate_aligned(size_t align, size_t size) {
	return allocate_aligned_by(align, size, BY_MALLOC);
}

/* Makes a block `size` bytes long, in place or at another address; its content is kept up to the
 * smaller size. NULL and ENOMEM: the block is as it was. For a NULL block it is allocate; for size
 * 0 it frees the block and returns NULL without setting errno. */
void *reallocate(void *block, size_t size);

/* The bytes of a live block that may be used; 0 for NULL. */
size_t usable_size(const void *block);

/* The calls that returned a block, the bytes that they asked for and the usable bytes that they
 * got; counted with the option stats only. */
struct calls {
	size_t number, asked, given;
};
void calls_count(size_t asked, size_t given);
struct calls calls_counted(void);

/* Gives back to the kernel what is free, but for the caches of other threads that have not ended,
 * and our own records; true when there was something to give. */
bool trim(void);

#endif

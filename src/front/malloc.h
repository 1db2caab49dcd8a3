/* malloc.h (rank 7): what malloc and its family mean: sizes, zero, overflow, alignment, realloc, errors.
 *
 * All sizes are bytes; all functions may be called from any thread, at any time of a process's life, and set
 * errno to ENOMEM when they return NULL for want of memory. `call` names the libc function for the sentence
 * on misuse.
 */
#ifndef MALLOC_H
#define MALLOC_H

#include "front/cache.h"
#include "guard/guard.h"

/* The cold twins of allocate and release. Size 0: not known. */
COLD void *allocate_slow(size_t size, enum family family);
COLD void release_slow(void *block, enum family family, size_t size);
COLD void release_far(void *block, enum family family, size_t size);

/* A block of at least `size` bytes, aligned to 16, its content undefined. */
static inline void *allocate_by(size_t size, enum family family) {
	if (unlikely(size > SMALL_MAX))
		return allocate_slow(size, family);
	void *slot = cache_pop(thread_cache, class_of(size));
	return likely(slot) ? slot : allocate_slow(size, family);
}
static inline void *allocate(size_t size) { return allocate_by(size, BY_MALLOC); }

/* Frees a block; NULL is nothing. errno is kept. Only blocks with frames know the size that was asked for:
 * they look at it, unless it is 0. */
static inline void release_by(void *block, enum family family, size_t size) {
	if (unlikely(!pagemap_in_window(block)))
		release_far(block, family, size);
	else if (unlikely(!cache_push(thread_cache, pagemap_window_class(block), block)))
		release_slow(block, family, size);
}
static inline void release(void *block) { release_by(block, BY_MALLOC, 0); }

/* The same, of a block that was asked for with this size and no alignment. The size is trusted until the slot
 * returns to its slab; then a wrong one is found. */
static inline void release_sized_by(void *block, size_t size, enum family family) {
	if (unlikely(!block || size > SMALL_MAX || !cache_push(thread_cache, class_of(size), block)))
		release_slow(block, family, size);
}

static inline void release_sized(void *block, size_t size) { release_sized_by(block, size, BY_NEW); }

/* A zeroed block of n * size bytes. */
void *allocate_zeroed(size_t n, size_t size);

/* A block whose address is a multiple of `align`, a power of two. */
void *allocate_aligned_by(size_t align, size_t size, enum family family);
static inline void *allocate_aligned(size_t align, size_t size) {
	return allocate_aligned_by(align, size, BY_MALLOC);
}

/* Makes a block `size` bytes long, in place or elsewhere, its content kept up to the smaller size. NULL and
 * ENOMEM: the block is as it was. A NULL block: allocate. Size 0: the block is freed, and NULL without an
 * error. */
void *reallocate(void *block, size_t size);

/* The bytes of a live block that may be used; 0 for NULL. */
size_t usable_size(const void *block);

/* The calls that gave a block, the bytes they asked for and the bytes they got; counted under stats alone. */
struct calls {
	size_t number, asked, given;
};
void calls_count(size_t asked, size_t given);
struct calls calls_counted(void);

/* Gives all free memory back to the kernel; true when there was some. */
bool trim(void);

#endif

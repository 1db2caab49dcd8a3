/* pagemap.h (level 2): address -> what lies there. Two levels: a root, indexed by address bits 47 …
 * 32, over leaves of 4 GiB, made on demand. Read without locks.
 *
 * A leaf lies between pages without access. It has an owner for each 2 MiB (a chunk, or a run of
 * chunks: a large block, or free) and a class for each page (of the slots on it; 0: no slots, or the
 * page is clean, or the program changed it), which is all that the free of a slot reads. The first leaf is the window: a heap
 * mostly lies within its 4 GiB, and there the class is read without the root.
 *
 * R1. An entry is written by the one thread that has what it describes to itself (a chunk, a slab
 *     or a run that is not on any list yet, or not any more), or under the lock of the pool, or of
 *     the central list of a slab whose page has no taken slot; and class 0 by the thread that is about to
 *     change a page of its own block (watch.c). So
 *     the holder of a live pointer reads the entries of its block as they were written before the
 *     pointer was handed out; for any other pointer a reader may see an old entry or a new one.
 * R2. A leaf that is in the root stays there. The window is set once, its base last.
 */
#ifndef PAGEMAP_H
#define PAGEMAP_H

#include "ground/base.h"

#include <stdatomic.h>

enum {
	LEAF_SHIFT = 32,
	ADDRESS_BITS = 48,
	LEAF_CHUNKS = 1 << (LEAF_SHIFT - CHUNK_SHIFT),
	ROOT_LEAVES = 1 << (ADDRESS_BITS - LEAF_SHIFT),
};

/* The kind of record an owner is. */
enum owner_kind { OWNER_NONE, OWNER_CHUNK, OWNER_LARGE, OWNER_FREE };

/* Every owner begins with this. */
struct owner {
	enum owner_kind kind;
};

struct leaf {
	unsigned char class_of_page[LEAF_CHUNKS * CHUNK_PAGES];
	_Atomic(struct owner *) owner[LEAF_CHUNKS];
};

extern _Atomic(struct leaf *) pagemap_root[ROOT_LEAVES] HIDDEN;

/* The first address of the window, and its leaf. Before there is a window the base is one from
 * which no address of a process is less than 4 GiB away. */
extern _Atomic uintptr_t pagemap_window_base HIDDEN;
extern struct leaf *pagemap_window HIDDEN;

static inline struct leaf *pagemap_leaf(const void *address) {
	uintptr_t index = (uintptr_t)address >> LEAF_SHIFT;
	if (unlikely(index >= ROOT_LEAVES))
		return NULL;
	return atomic_load_explicit(&pagemap_root[index], memory_order_acquire);
}

static inline unsigned leaf_class(const struct leaf *leaf, const void *address) {
	return leaf->class_of_page[(uint32_t)(uintptr_t)address >> PAGE_SHIFT];
}

static inline struct owner *leaf_owner(const struct leaf *leaf, const void *address) {
	return atomic_load_explicit(&leaf->owner[(uint32_t)(uintptr_t)address >> CHUNK_SHIFT],
	                            memory_order_acquire);
}

/* How far an address is from the window's base, rotated right by QUANTUM_SHIFT bits: the low bits of
 * one that is no multiple of 16 become the highest. So one comparison finds that, and what lies
 * outside the window. */
static inline uintptr_t pagemap_offset(const void *address) {
	uintptr_t base = atomic_load_explicit(&pagemap_window_base, memory_order_acquire);
	uintptr_t distance = (uintptr_t)address - base;
	return distance >> QUANTUM_SHIFT | distance << (64 - QUANTUM_SHIFT);
}

/* Whether an address of this offset is a multiple of 16 and lies in the window; and, if it does, the
 * class of the slots there, or 0. */
static inline bool pagemap_in_window(uintptr_t offset) {
	return offset < (uintptr_t)1 << (LEAF_SHIFT - QUANTUM_SHIFT);
}
static inline unsigned pagemap_window_class(uintptr_t offset) {
	return pagemap_window->class_of_page[offset >> (PAGE_SHIFT - QUANTUM_SHIFT)];
}

/* The class of the slots at an address, or 0: none there, a clean page, or not our memory at all. */
static inline unsigned pagemap_class(const void *address) {
	const struct leaf *leaf = pagemap_leaf(address);
	return likely(leaf) ? leaf_class(leaf, address) : 0;
}

/* What owns the 2 MiB around an address, or NULL. */
static inline struct owner *pagemap_owner(const void *address) {
	const struct leaf *leaf = pagemap_leaf(address);
	return leaf ? leaf_owner(leaf, address) : NULL;
}

/* Sets the owner of every 2 MiB of [address, address + size). False: no memory for a leaf, nothing
 * set. */
bool pagemap_set_owner(const void *address, size_t size, struct owner *owner);
void pagemap_clear_owner(const void *address, size_t size);

/* Sets the class of npages pages, whose owner is set. */
void pagemap_set_class(const void *address, unsigned npages, unsigned class);

#endif

/* mark.c (level 5): see mark.h. */
#include "guard/mark.h"

#include "back/chunk.h"
#include "middle/slab.h"

uintptr_t mark_key = 0x9e3779b97f4a7c15;

static _Atomic bool *freed_entry(const void *slot) {
	struct chunk *chunk = (struct chunk *)pagemap_owner(slot);
	return &chunk->freed[(uintptr_t)slot % CHUNK_SIZE >> FREED_SHIFT];
}

void *mark_freed(unsigned class, void *slot) {
	if (class <= CLASS_MARKED)
		mark_set(slot);
	else
		atomic_store_explicit(freed_entry(slot), true, memory_order_relaxed);
	return slot;
}

void *mark_taken(unsigned class, void *slot) {
	if (class <= CLASS_MARKED)
		mark_clear(slot);
	else
		atomic_store_explicit(freed_entry(slot), false, memory_order_relaxed);
	return slot;
}

bool mark_was_freed(unsigned class, const void *slot) {
	return class <= CLASS_MARKED ? mark_is_set(slot)
	                             : atomic_load_explicit(freed_entry(slot), memory_order_relaxed);
}

bool mark_is_live(const struct slab *slab, const void *slot) {
	return slab && slab_judge(slab, slot) == SLAB_OK && !mark_was_freed(slab->class, slot);
}

void mark_after_fork(void) { mark_key += 2; }

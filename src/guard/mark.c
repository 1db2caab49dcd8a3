/* mark.c (level 3): see mark.h. */
#include "guard/mark.h"

#include "ground/altered.h"
#include "middle/slab.h"

uintptr_t mark_key = 0x9e3779b97f4a7c15;

bool mark_is_barred(const void *slot) {
	return altered_in((const void *)((uintptr_t)slot & ~(PAGE_SIZE - 1)), PAGE_SIZE);
}

bool mark_is_live(const struct slab *slab, const void *slot) {
	return slab && slab_judge(slab, slot) == SLAB_OK && (mark_is_barred(slot) || !mark_is_set(slot));
}

void mark_after_fork(void) { mark_key += 2; }

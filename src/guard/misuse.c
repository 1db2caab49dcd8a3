/* misuse.c (level 6): see misuse.h. Records are read without their locks, but for
 * chunk_span_around: of a live block they are the caller's, and otherwise the process ends here. */
#include "guard/misuse.h"

#include "back/chunk.h"
#include "back/large.h"
#include "ground/os.h"
#include "guard/mark.h"
#include "middle/central.h"
#include "middle/slab.h"

static _Noreturn void die_inside(const char *call, const void *pointer, const char *what, const char *base,
                                 size_t size) {
	die("%s(%p): inside a %s of %z bytes, %z bytes after its start", call, pointer, what, size,
	    (size_t)((const char *)pointer - base));
}

static _Noreturn void die_at_slot(const char *call, const void *pointer, const struct slab *slab) {
	switch (slab_judge(slab, pointer)) {
	case SLAB_TAIL:
		die("%s(%p): past the last slot of a slab of %z-byte slots", call, pointer,
		    (size_t)slab->size);
	case SLAB_INSIDE:
		die_inside(call, pointer, "slot", slab_slot_of(slab, pointer), slab->size);
	default:
		die("%s(%p): already free: a slot of %z bytes", call, pointer, (size_t)slab->size);
	}
}

static _Noreturn void die_in_chunk(const char *call, const void *pointer, struct chunk *chunk) {
	const struct slab *slab = chunk_slab_of(pointer);
	if (slab)
		die_at_slot(call, pointer, slab);
	unsigned npages;
	const char *base = chunk_span_around(chunk, pointer, &npages);
	if (base)
		die_inside(call, pointer, "block", base, npages * PAGE_SIZE);
	die("%s(%p): already free: a page of the heap", call, pointer);
}

void misuse(const char *call, const void *pointer) {
	struct owner *owner = pagemap_owner(pointer);
	if (owner && owner->kind == OWNER_CHUNK)
		die_in_chunk(call, pointer, (struct chunk *)owner);
	const struct run *large = large_around(pointer), *run = (const struct run *)owner;
	if (large)
		die_inside(call, pointer, "large block", large->base, large->size);
	if (owner)
		die("%s(%p): already free: a %s", call, pointer,
		    run->size && run->base == pointer ? "large block" : "page of the heap");
	die("%s(%p): not a block of this heap: foreign, or freed and returned to the system", call, pointer);
}

size_t live_size(const void *pointer) {
	const struct chunk *chunk = (const struct chunk *)pagemap_owner(pointer);
	if (chunk && chunk->owner.kind == OWNER_CHUNK) {
		const struct slab *slab = chunk->slab_of_page[chunk_page(pointer)];
		if (!slab)
			return chunk_span_at(chunk, pointer) * PAGE_SIZE;
		return mark_is_live(slab, pointer) ? slab->size : 0;
	}
	const struct run *large = large_around(pointer);
	return large && large->base == pointer ? large->size : 0;
}

void misuse_of_slot(const void *pointer, unsigned class) {
	unsigned npages;
	struct owner *owner = pagemap_owner(pointer);
	bool in_chunk = owner && owner->kind == OWNER_CHUNK && !chunk_slab_of(pointer);
	if (in_chunk && !chunk_span_around((struct chunk *)owner, pointer, &npages)) /* its slab is gone */
		die("free(%p): already free: a slot of %z bytes", pointer, class_size(class));
	misuse("free", pointer);
}

void misuse_of_size(const void *block, size_t size) {
	size_t has = live_size(block);
	bool fits = size <= SMALL_MAX ? has == class_size(class_of(size))
	                              : has >= size && has - size < os_page_size();
	if (unlikely(has && !fits))
		die("free(%p): freed as %z bytes, but it has %z: a wrong size given to operator delete",
		    block, size, has);
}

/* central_check.c (level 5): verifies H2 and H3 (central.h), and every slab of a class that has
 * free slots. Debug builds and tests only. */
#include "middle/central_state.h"

#include "back/chunk.h"
#include "middle/slab.h"

/* Whether the pagemap says of each page of a slab what lies there. */
static bool is_in_pagemap(const struct slab *slab) {
	for (unsigned page = 0; page < slab->npages; page++) {
		bool dirty = slab->dirty >> page & 1;
		if (pagemap_class(slab->base + page * PAGE_SIZE) != (dirty ? slab->class : 0))
			return false;
	}
	return true;
}

/* Whether a slab on the list of quarter q belongs there and is known by its pages. */
static bool belongs(const struct slab *slab, unsigned q, unsigned class) {
	size_t more = (size_t)slab->nfree * QUARTERS,
	       most = min_size((q + 1) * slab->nslots / QUARTERS, slab->nslots - 1u);
	if (q == BUCKET_EMPTY)
		more = slab->nfree == slab->nslots ? more + 1 : 0, most = slab->nslots;
	return slab->bucket == q && more > q * slab->nslots && more <= (q + 1) * slab->nslots &&
	       slab->enough == most && slab->class == class && chunk_slab_of(slab->base) == slab &&
	       is_in_pagemap(slab);
}

bool central_check(unsigned class) {
	struct central *central = central_state(class);
	bool good = true;
	size_t free_slots = 0, clean = 0, clean_tails = 0, empty = 0, purgeable = 0;
	lock_take(&central->lock);
	for (unsigned q = 0; central->ready && good && q < LISTS; q++) {
		const struct list *head = &central->lists[q];
		good = list_count(head, central->nslabs) <= central->nslabs;
		for (const struct list *at = head->next; good && at != head; at = at->next) {
			const struct slab *slab = CONTAINER(at, struct slab, link);
			good = slab_check(slab) && belongs(slab, q, class);
			free_slots += slab->nfree;
			empty += q == BUCKET_EMPTY ? slab->npages : 0;
			clean += slab->npages - (size_t)__builtin_popcount(slab->dirty);
			purgeable += (size_t)__builtin_popcount(slab_purgeable(slab));
			if (!(slab->dirty >> (slab->npages - 1) & 1))
				clean_tails += slab->npages * PAGE_SIZE - (size_t)slab->nslots * slab->size;
		}
	}
	/* A slab on no list has no free slot and no clean page. No thread scavenges, so no slab is on that list. */
	good = good && free_slots == central->nfree && empty == central->nempty && central->clean == clean &&
	       clean_tails == central->clean_tails && central->purgeable == purgeable;
	lock_release(&central->lock);
	return good;
}

/* slab_check.c (level 2): verifies S1 … S3 (slab.h). Debug builds and tests only. */
#include "middle/slab.h"

static bool bit_of(const struct slab *slab, unsigned slot) { return slab->bits[slot / 64] >> slot % 64 & 1; }

/* S3: every page under a taken slot is dirty. */
static bool taken_are_dirty(const struct slab *slab) {
	for (unsigned slot = 0; slot < slab->nslots; slot++) {
		if (bit_of(slab, slot) || slab_is_isolated(slab, slot))
			continue;
		size_t first = (size_t)slot * slab->size / PAGE_SIZE;
		size_t last = ((size_t)(slot + 1) * slab->size - 1) / PAGE_SIZE;
		for (size_t page = first; page <= last; page++)
			if (!(slab->dirty >> page & 1))
				return false;
	}
	return true;
}

bool slab_check(const struct slab *slab) {
	unsigned nwords = (slab->nslots + 63u) / 64, nfree = 0;
	for (unsigned slot = 0; slot < nwords * 64; slot++) {
		bool is_free = bit_of(slab, slot);
		nfree += is_free;
		if (is_free && (slot >= slab->nslots || slot / 64 < slab->first))
			return false; /* S1, S2 */
	}
	return nfree == slab->nfree && taken_are_dirty(slab);
}

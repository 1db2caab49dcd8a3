/* slab_check.c (level 2): verifies S1 … S5 (slab.h). Debug builds and tests only. */
#include "middle/slab.h"

static bool bit_of(const struct slab *slab, unsigned slot) { return slab->bits[slot / 64] >> slot % 64 & 1; }

/* S3 and S5, page by page. */
static bool pages_hold(const struct slab *slab) {
	for (unsigned page = 0; page < slab->npages; page++) {
		unsigned taken = 0;
		for (unsigned slot = 0; slot < slab->nslots; slot++) {
			size_t start = (size_t)slot * slab->size, end = start + slab->size;
			bool reaches = start < (page + 1) * PAGE_SIZE && end > page * PAGE_SIZE;
			taken += reaches && !bit_of(slab, slot) && !slab_is_isolated(slab, slot);
		}
		if (slab_taken_on(slab)[page] != taken % 256 || (slab->empty >> page & 1) != !taken ||
		    (taken && !(slab->dirty >> page & 1)))
			return false;
	}
	return !(slab->empty >> slab->npages);
}

bool slab_check(const struct slab *slab) {
	unsigned nwords = (slab->nslots + 63u) / 64, nfree = 0;
	for (unsigned slot = 0; slot < nwords * 64; slot++) {
		bool is_free = bit_of(slab, slot);
		nfree += is_free;
		if (is_free && (slot >= slab->nslots || slot / 64 < slab->first))
			return false; /* S1, S2 */
	}
	return nfree == slab->nfree && pages_hold(slab);
}

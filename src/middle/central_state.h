/* central_state.h (level 5): what central.c and its checker know of a class. Nobody else includes
 * it. */
#ifndef CENTRAL_STATE_H
#define CENTRAL_STATE_H

#include "ground/list.h"
#include "middle/central.h"

/* A slab's bucket: the list of its quarter (0 … QUARTERS - 1), that of the slabs without a taken
 * slot, no list, or the list of the scavenged. */
enum { QUARTERS = 4, BUCKET_EMPTY = QUARTERS, LISTS, BUCKET_NONE = LISTS, BUCKET_SCAVENGED };

struct central {
	_Alignas(CACHE_LINE) struct lock lock;
	bool ready;
	unsigned ndepot;
	void **depot; /* ndepot slots; the array is made when it is first needed */
	/* slabs by free slots: 0: up to a quarter, … 3: over three quarters, 4: all */
	struct list lists[LISTS];
	struct list scavenged; /* slabs with isolated pages; those of one scavenge are neighbours */
	_Atomic bool drains;   /* central_drains */
	size_t nempty;         /* pages of the slabs without a taken slot */
	size_t nslabs, npages, clean, nslots, nfree;
	size_t clean_tails; /* bytes of the slabs' ends that no slot fills, on clean pages */
	size_t purgeable;   /* pages that a purge would give back (slab_purgeable) */
	size_t wanted;      /* pages purged and then taken from, not noted yet: that needs the clock */
	struct published {
		size_t nfree, clean, purgeable; /* pages, as the ledger knows them */
	} published;
};

/* For the checker. */
struct central *central_state(unsigned class);

#endif

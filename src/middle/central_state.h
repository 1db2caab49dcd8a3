/* central_state.h (rank 4): what central.c and its checker know of a class. Nobody else includes
 * it. */
#ifndef CENTRAL_STATE_H
#define CENTRAL_STATE_H

#include "ground/list.h"
#include "middle/central.h"

/* A slab's bucket: its quarter (0 … QUARTERS - 1), or no list, or the list of the scavenged. */
enum { QUARTERS = 4, BUCKET_NONE = QUARTERS, BUCKET_SCAVENGED };

struct central {
	_Alignas(CACHE_LINE) struct lock lock;
	bool ready;
	unsigned ndepot;
	void **depot; /* ndepot slots; the array is made when it is first needed */
	struct list
	        quarters[QUARTERS]; /* slabs by free slots: 0: up to a quarter, … 3: over three quarters */
	struct list scavenged;      /* slabs with isolated pages; those of one scavenge are neighbours */
	size_t nslabs, npages, clean, nslots, nfree;
	size_t unpurgeable; /* dirty_pages() after the last scavenge, or the least since */
};

/* For the checker. */
struct central *central_state(unsigned class);

#endif

/* central_state.h (rank 4): what central.c and its checker know of a class. Nobody else includes it. */
#ifndef CENTRAL_STATE_H
#define CENTRAL_STATE_H

#include "ground/list.h"
#include "middle/central.h"

/* A slab's bucket: the list of its quarter (0 … QUARTERS - 1), none, or that of those being scavenged. */
enum { QUARTERS = 4, BUCKET_NONE = QUARTERS, BUCKET_SCAVENGED };

struct central {
	_Alignas(CACHE_LINE) struct lock lock;
	bool ready;
	unsigned ndepot;
	void **depot;                   /* an array made when it is first needed */
	struct list quarters[QUARTERS]; /* 0: up to a quarter free, … 3: more than three quarters */
	struct list scavenged;          /* being scavenged: those of one scavenge are neighbours */
	size_t nslabs, npages, clean, nslots, nfree;
	size_t unpurgeable; /* pages of free slots that the last scavenge could not purge */
};

/* For the checker. */
struct central *central_state(unsigned class);

#endif

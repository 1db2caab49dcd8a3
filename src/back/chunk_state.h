/* chunk_state.h (rank 3): what chunk.c and its checker know of all chunks. Nobody else includes it. */
#ifndef CHUNK_STATE_H
#define CHUNK_STATE_H

#include "back/chunk.h"

enum {
	ORDERS = CHUNK_ORDER + 1,
	FULLNESS = 6, /* sixths */
	PLACES = ORDERS * FULLNESS,
	PLACE_NONE = PLACES,
	BATCH = 32, /* runs purged in one go */
};

struct chunks {
	struct list places[PLACES];
	uint64_t mask; /* bit p: the list of place p is not empty */
	struct list all, dirty;
	struct list purging; /* batches */
	size_t count, empty; /* chunks, and those without a live span */
	size_t used_pages, dirty_pages, peak_pages;
	size_t without_huge; /* chunks to come that ask for no huge pages, since they came slowly, … */
	size_t next_without; /* … and how many it will be the next time */
	bool ready;
};

/* For the checker. */
const struct chunks *chunk_state(void);

struct run {
	struct chunk *chunk;
	unsigned page, npages;
};

struct batch {
	struct list link; /* while its runs are out */
	struct run runs[BATCH];
	unsigned n;
};

#endif

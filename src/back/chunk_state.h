/* chunk_state.h (level 4): what chunk.c and its checker know of all chunks. Nobody else includes
 * it. */
#ifndef CHUNK_STATE_H
#define CHUNK_STATE_H

#include "back/chunk.h"

enum {
	ORDERS = CHUNK_ORDER + 1,
	FULLNESS = 6, /* steps of a chunk's clean pages: sixths */
	PLACES = ORDERS * FULLNESS,
	PLACE_NONE = PLACES,
	BATCH = 32, /* runs that are isolated and purged at a time */
};

struct chunks {
	struct list places[PLACES];
	uint64_t mask; /* bit p: the list of place p is not empty */
	struct list all, dirty;
	struct list purging; /* the batches whose runs are isolated */
	size_t count, empty; /* chunks, and those without a used page */
	size_t used_pages, dirty_pages, peak_pages;
	size_t without_huge; /* so many chunks to come ask for no huge pages, which came slowly */
	size_t next_without; /* what without_huge was set to last; doubled each time */
	bool ready;
};

/* For the checker. */
const struct chunks *chunk_state(void);

struct page_run {
	struct chunk *chunk;
	unsigned page, npages;
};

struct batch {
	struct list link; /* while its runs are out */
	struct page_run runs[BATCH];
	unsigned n;
};

#endif

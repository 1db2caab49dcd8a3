/* account.h (level 9): what the heap holds, in figures; and the account printed at exit under
 * stats:1. */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "ground/base.h"

/* Bytes, unless a field says otherwise. Exact while no other thread allocates or frees. What may
 * be resident is the sum of chunk_live, cached, free_slots, chunk_dirty, large_live, pooled and
 * records; the rest of chunk_bytes is clean pages. */
struct account {
	size_t chunks;               /* number */
	size_t chunk_bytes;          /* mapped in chunks */
	size_t chunk_live;           /* in live slots, live spans and isolated pages */
	size_t chunk_dirty;          /* free pages that are dirty */
	size_t cached, cached_slots; /* in caches and depots, with retained spans; the slots' number */
	size_t free_slots;           /* free slots of slabs, and the ends of slabs, on dirty pages */
	size_t large, large_live;    /* live blocks: number; bytes */
	size_t pooled;               /* dirty pages in the pool of chunks */
	size_t records;              /* mapped for our own records */
	size_t peak; /* the most that was used in chunks, plus the most that was live in large blocks */
};

struct account account_read(void);

/* Prints the account of this process on stderr. */
void account_print(void);

#endif

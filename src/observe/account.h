/* account.h (rank 8): what the heap holds, in figures; and the account printed at exit under stats:1. */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "ground/base.h"

/* Bytes, unless it says otherwise. Exact while no other thread allocates. */
struct account {
	size_t chunks;               /* number */
	size_t chunk_bytes;          /* mapped in chunks */
	size_t chunk_live;           /* in live slots and spans */
	size_t chunk_dirty;          /* free pages kept for reuse */
	size_t cached, cached_slots; /* in caches and depots */
	size_t large, large_live;    /* number; bytes */
	size_t large_retained;       /* freed runs kept for reuse */
	size_t records;              /* our own records */
	size_t peak;                 /* the most that was in use by spans, slabs and large blocks */
};

struct account account_read(void);

/* Prints the account of this process on stderr. */
void account_print(void);

#endif

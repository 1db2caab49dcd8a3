/* large.h (rank 3): large blocks: a whole number of kernel pages each, 2 MB-aligned, the owner
 * (pagemap.h) of every 2 MB that they cover.
 *
 * A freed block becomes a retained run, within a bound. A request takes a retained run that is at
 * most 1/16 longer. Otherwise it gets addresses of its own, and pages of retained runs are moved
 * there (by mremap: nothing is copied, nothing faults) before the kernel is asked for clean ones,
 * so that what was freed in one size serves any other. With 1024 live blocks or more no pages are
 * moved.
 *
 * G1. large_lock guards the lists and every record; mapping, unmapping and moving happen outside
 *     it.
 * G2. A record is live (on the list `live`), or retained (on the list `retained`, the newest
 *     first), or on neither list while one call changes it.
 * G3. A piece is a part of a block that the kernel may keep as a mapping of its own; one mremap
 *     cannot move two pieces. They stand in the order of their addresses, and their sum is the
 *     size.
 */
#ifndef LARGE_H
#define LARGE_H

#include "ground/list.h"
#include "ground/lock.h"
#include "ground/pagemap.h"

enum { LARGE_PIECES = 16 };

struct large {
	struct owner owner;
	bool retained;
	unsigned npieces;
	char *base;
	size_t size; /* bytes mapped */
	size_t piece[LARGE_PIECES];
	size_t retained_beside; /* pages in use in chunks when it was retained */
	struct list link;
};

struct large_totals {
	size_t live, live_bytes, retained_bytes, peak_bytes;
};

/* Takes a block of at least `size` bytes, its address a multiple of `align` (a power of two).
 * *dirty: so many of its first bytes may not be zero. NULL: no memory. Any thread. */
void *large_take(size_t size, size_t align, size_t *dirty);

/* Frees the live block that starts at the address; false when it is not its start or not live. */
bool large_put(struct large *large, const void *address);

/* Makes a live block `size` bytes long without copying, perhaps at another address. NULL: no
 * memory, and the block is as it was. A block that the kernel does not let shrink stays longer. */
void *large_resize(struct large *large, size_t size);

/* Gives back what exceeds the bound, which may have fallen since the last free: with time, or
 * because chunks have grown. To be called now and then. */
void large_reclaim(void);

/* Unmaps every retained run for which the kernel does not refuse; true when one was unmapped. */
bool large_trim(void);

struct large_totals large_count(void);

extern struct lock large_lock;

#endif

/* large.h (rank 3): large blocks: page-exact, 2 MB-aligned, registered for all the chunks they cover.
 *
 * Freed runs are retained for reuse, within a bound. A request takes the retained run that fits, or else a place of
 * its own, into which the pages of retained runs are moved (mremap: nothing is copied and nothing faults) before
 * the kernel is asked for clean ones. So what was freed in one size serves any other.
 *
 * G1. large_lock guards the lists and every record; mapping, unmapping and moving happen outside it.
 * G2. A record is live (on the list `live`) or retained (on the list `retained`, the newest first), or being
 *     changed by the one call that took it off both.
 * G3. The pieces are the parts of a block, in the order of their addresses, that the kernel may keep as
 *     mappings of their own, for one call cannot move two of them; their sum is the size.
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

/* A block of at least `size` bytes, its address a multiple of `align` (a power of two). *dirty: how many of
 * its first bytes may not be zero. NULL: no memory. Any thread. */
void *large_take(size_t size, size_t align, size_t *dirty);

/* Frees the live block that starts at the address; false when it is not its start or not live. */
bool large_put(struct large *large, const void *address);

/* Makes a live block `size` bytes long without copying, perhaps elsewhere; NULL: no memory, it is as it was.
 */
void *large_resize(struct large *large, size_t size);

/* Gives back what is beyond the bound by now, as time has passed or the other part has grown; to be called
 * now and then. */
void large_reclaim(void);

/* Unmaps every retained run that the kernel lets go; true when one went. */
bool large_trim(void);

struct large_totals large_count(void);

extern struct lock large_lock;

#endif

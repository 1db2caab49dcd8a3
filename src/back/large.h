/* large.h (level 4): large blocks: over a chunk or aligned to more than one. Each is a run of whole
 * chunks of its own (pool.h), which its record describes; its size is exact to the kernel's page.
 *
 * G1. pool_lock guards what a run says of its block, and the counts; mapping, unmapping and moving
 *     happen without it.
 * G2. A block is live while its run is of the kind OWNER_LARGE.
 */
#ifndef LARGE_H
#define LARGE_H

#include "back/pool.h"

/* tail_bytes: of dirty pages at the ends of runs that no live block fills. */
struct large_totals {
	size_t live, live_bytes, peak_bytes, tail_bytes;
};

/* Takes a block of at least `size` bytes, its address a multiple of `align` (a power of two).
 * *dirty: so many of its first bytes may not be zero. NULL: no memory. Any thread. */
void *large_take(size_t size, size_t align, size_t *dirty);

/* Frees the live block that starts at the address; false when it is not its start or not live. */
bool large_put(struct run *run, const void *address);

/* Makes a live block `size` bytes long, perhaps elsewhere; its pages move there without being
 * copied. NULL: no memory, it is as it was. */
void *large_resize(struct run *run, size_t size);

/* The live block that an address lies in, or NULL. No lock. */
const struct run *large_around(const void *address);

struct large_totals large_count(void);

#endif

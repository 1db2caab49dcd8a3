/* pool.h (level 3): runs of whole free chunks, which serve chunks and large blocks alike.
 *
 * A request takes the shortest run that is long enough, and only as much of it as it needs. When none
 * is, the kernel maps what the longest lacks right beside it, or all of it elsewhere. A run that is
 * put back coalesces with free neighbours. Nothing is reserved: what is in no chunk, in no large block and not
 * here is not mapped.
 *
 * P1. pool_lock guards the lists, every record in the pool and the owners of its addresses. Chunks
 *     are mapped and unmapped without it.
 * P2. The owner of each 2 MB of a run in the pool is its record, of the kind OWNER_FREE. A record
 *     outside the pool has another kind, so that nobody coalesces with it.
 * P3. The pages of a run have one advice on huge pages: runs of different advice do not coalesce,
 *     since one mremap moves pages of one mapping only.
 * P4. Putting back needs no memory: the record of a run is made when it is mapped, and kept.
 */
#ifndef POOL_H
#define POOL_H

#include "ground/list.h"
#include "ground/lock.h"
#include "ground/os.h"
#include "ground/pagemap.h"

struct run {
	struct owner owner; /* OWNER_FREE in the pool, OWNER_LARGE as a large block, else OWNER_NONE */
	enum advice advice;
	char *base;
	size_t nchunks;
	size_t ndirty;           /* pages that may hold data: at most so many */
	size_t size;             /* bytes of the large block that it is or began with last; else 0 */
	struct list length_link; /* in the pool: the runs of its length, the newest first */
	struct list age_link;    /* in the pool: all runs, the newest first */
};

struct pool_totals {
	size_t nruns, npages, ndirty;
};

/* A run of nchunks, its address a multiple of `align` (a power of two, at least CHUNK_SIZE);
 * NULL: no memory. Its ndirty says whether it may hold data. Any thread. */
struct run *pool_take(size_t nchunks, size_t align);

/* Puts a run back, at most `ndirty` of whose pages hold data. */
void pool_put(struct run *run, size_t ndirty);

/* Makes a run that was taken nchunks long where it lies; false when the addresses behind it are
 * in use, or there is no memory. */
bool pool_lengthen(struct run *run, size_t nchunks);

/* Shortens a run that was taken to its first nchunks: the others go to the pool. False: no
 * memory for a record. */
bool pool_shorten(struct run *run, size_t nchunks);

/* Makes the pagemap forget the addresses of a run that was taken: they are about to be the
 * kernel's. */
void pool_forget(const struct run *run);

/* Tells the kernel about huge pages in a run that was taken. */
void pool_advise(struct run *run, enum advice advice);

/* Unmaps the run that was put back longest ago, or as many of its chunks as npages reach into. The
 * pages that went back; 0: the pool is empty, or the kernel refuses. */
size_t pool_unmap(size_t npages);

/* Unmaps every run that the kernel lets go; true when one went. */
bool pool_trim(void);

struct pool_totals pool_count(void);

/* Whether the lists, the counts and the pagemap agree; takes the lock. In pool_check.c: debug
 * builds and tests only. */
bool pool_check(void);

extern struct lock pool_lock;

#endif

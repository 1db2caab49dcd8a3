/* reclaim.h (level 2): how much free memory is kept for reuse before it goes back to the kernel.
 *
 *	bound = b + min(growth, max(5/4 peak - resident - b, 0)), b = base + hold % of the live pages
 *
 * The base and the share of the live memory let an idle program fall close to its live size by its
 * own frees, without a thread or a timer of ours. A program that frees and asks again in phases
 * would pay a fault per page and phase; so a page that is wanted again within a second of going
 * back is a refault, and the growth rises by two pages for each. The peak is the most that was live
 * since the growth was 0 last. When a second has passed without a refault, reclaim_decay halves the
 * growth and brings the peak halfway down to what is live.
 *
 * All counts are pages. One policy serves chunks, slabs and large blocks, since what one of them
 * gives back another may want. Any thread, without a lock: the figures are atomic one by one, and a
 * decision taken between two changes is as good as one taken before both.
 */
#ifndef RECLAIM_H
#define RECLAIM_H

#include "ground/base.h"

/* The parts of memory that have pages in use or free ones: what one holds counts against the
 * other. */
enum reclaim_part { RECLAIM_CHUNKS, RECLAIM_LARGE, RECLAIM_POOL, RECLAIM_SLOTS, RECLAIM_PARTS };

/* Says how many pages of a part are in use, and how many are free and dirty. Each part calls it
 * under its lock. */
void reclaim_publish(enum reclaim_part part, size_t live, size_t retained);

/* The same of free slots, which lie on pages that chunks publish as in use: by how many pages
 * all of them, and those on dirty pages, have become more. */
void reclaim_add_slots(ptrdiff_t nfree, ptrdiff_t ndirty);

size_t reclaim_live_in(enum reclaim_part part);     /* the pages in use in one part */
size_t reclaim_used(void);                          /* in all parts */
size_t reclaim_live(void);                          /* without those of free slots: what the program has */
size_t reclaim_live_beside(enum reclaim_part part); /* with what the other parts retain */
size_t reclaim_resident(void);                      /* with what all parts retain */

/* The base: 256 KB and a quarter of `live`, at most 2 MB. */
size_t reclaim_base(size_t live);

/* The bound on what a part may retain. `live`: the pages whose share it may retain; `resident`:
 * the pages that are there without the part's own free ones; `beyond`: to how many percent above
 * the peak of the live memory both together may grow. Of slots that is more, for the size
 * classes have their peaks at different times. */
enum { BEYOND_PAGES = 25, BEYOND_SLOTS = 50 };
size_t reclaim_limit(size_t base, size_t live, size_t resident, unsigned beyond);

/* Where a page was purged. A page purged inside a slab can only be wanted again by that slab, so
 * these are counted apart. */
enum reclaim_place { RECLAIM_OUTSIDE_SLABS, RECLAIM_INSIDE_SLABS, RECLAIM_PLACES };

/* Says that `npages` dirty pages went back to the kernel. */
void reclaim_note_returned(enum reclaim_place place, size_t npages);

/* Says that `npages` clean pages are about to be used: the kernel will have to give them. */
void reclaim_note_wanted(enum reclaim_place place, size_t npages);

/* Says whether a purge of some pages gave any of them back. After one that gave none back, for
 * the kernel refuses (all is locked by mlockall, a filter forbids the call), nothing is to be
 * purged for a time that doubles at each such purge, from 1 ms to 8 s; reclaim_rests is true
 * then. */
void reclaim_note_purge(bool any);
bool reclaim_rests(void);

/* Halves the growth when the last refault is over a second old; to be called before giving back. */
void reclaim_decay(void);

#endif

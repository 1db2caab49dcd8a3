/* reclaim.h (rank 2): how much free memory is kept for reuse before it goes back to the kernel.
 *
 * The bound is a base plus a share of the live memory, so that an idle program falls close to its live size
 * by its own frees, without a thread or a timer of ours. A program that frees and asks again in phases would
 * pay a fault per page and phase; so a page that is wanted again within a second of going back counts as a refault,
 * and the bound grows by twice as many pages, as long as live and free memory together stay within 5/4 of the peak
 * of the live since then. After a quiet second without a refault the growth halves, and the peak
 * comes half of the way down, at the next chance.
 *
 * All counts are pages. One policy serves chunks, slabs and large blocks, since what one of them gives back
 * another may want. Any thread, without a lock: the figures are atomic one by one, and a decision taken
 * between two changes is as good as one taken before both.
 */
#ifndef RECLAIM_H
#define RECLAIM_H

#include "ground/base.h"

/* The two parts of memory that hold free pages beside each other: what one holds counts against the other. */
enum reclaim_part { RECLAIM_CHUNKS, RECLAIM_LARGE, RECLAIM_PARTS };

/* Says what a part has, in use and free; each part calls it under its own lock. */
void reclaim_publish(enum reclaim_part part, size_t live, size_t retained);

/* The pages in use by one part; by all parts; with what the other part than `part` holds; with what all
 * hold. */
size_t reclaim_live_in(enum reclaim_part part);
size_t reclaim_live(void);
size_t reclaim_live_beside(enum reclaim_part part);
size_t reclaim_resident(void);

/* What a part may hold beside `live` pages without further reason: 2 MB, and less beside a small heap. */
size_t reclaim_base(size_t live);

/* The bound on what a part may hold: `base`, a share of its `live` pages, and what refaults add while
 * `resident` pages, without the part's own free ones, are there. */
size_t reclaim_limit(size_t base, size_t live, size_t resident);

/* Where pages come from and go to: those under the slots of a slab that stays serve no other, so that
 * only the same ones can refault. */
enum reclaim_place { RECLAIM_OUTSIDE_SLABS, RECLAIM_INSIDE_SLABS, RECLAIM_PLACES };

/* Says that `npages` went back to the kernel. */
void reclaim_note_returned(enum reclaim_place place, size_t npages);

/* Says that `npages` are fetched from the kernel. */
void reclaim_note_wanted(enum reclaim_place place, size_t npages);

/* Forgets old refaults; to be called before giving back. */
void reclaim_decay(void);

#endif

/* hold.h (rank 2): how much free memory is kept for reuse before it goes back to the kernel.
 *
 * The bound is a base plus a share of the live memory, so that an idle program falls close to its live size
 * by its own frees, without a thread or a timer of ours. A program that frees and asks again in phases would
 * pay a fault per page and phase; so pages that are wanted again within a second of going back are regretted,
 * and the bound grows by twice as many, as long as live and free memory together stay within 5/4 of the peak
 * of the live since then. After a quiet second in which no page was regretted the growth halves, and the peak
 * comes half of the way down, at the next chance.
 *
 * All counts are pages. One policy serves chunks, slabs and large blocks, since what one of them gives back
 * another may want. Any thread, without a lock: the figures are atomic one by one, and a decision taken
 * between two changes is as good as one taken before both.
 */
#ifndef HOLD_H
#define HOLD_H

#include "base.h"

/* The two parts of memory that hold free pages beside each other: what one holds counts against the other. */
enum hold_part { HOLD_CHUNKS, HOLD_LARGE, HOLD_PARTS };

/* Says what a part has, in use and free; each part calls it under its own lock. */
void hold_publish(enum hold_part part, size_t live, size_t retained);

/* The pages in use by one part; by all parts; with what the other part than `part` holds; with what all
 * hold. */
size_t hold_live_in(enum hold_part part);
size_t hold_live(void);
size_t hold_live_beside(enum hold_part part);
size_t hold_resident(void);

/* What a part may hold beside `live` pages without further reason: 2 MB, and less beside a small heap. */
size_t hold_base(size_t live);

/* The bound on what a part may hold: `base`, a share of its `live` pages, and what regret adds while
 * `resident` pages, without the part's own free ones, are there. */
size_t hold_limit(size_t base, size_t live, size_t resident);

/* Where pages come from and go to: those under the slots of a slab that stays serve no other, so that
 * only the same ones are regretted. */
enum hold_place { HOLD_OUTSIDE_SLABS, HOLD_INSIDE_SLABS, HOLD_PLACES };

/* Says that `npages` went back to the kernel. */
void hold_note_returned(enum hold_place place, size_t npages);

/* Says that `npages` are fetched from the kernel. */
void hold_note_wanted(enum hold_place place, size_t npages);

/* Forgets old regrets; to be called before giving back. */
void hold_decay(void);

#endif

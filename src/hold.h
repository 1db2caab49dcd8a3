/* hold.h (rank 2): how much free memory is kept for reuse before it goes back to the kernel.
 *
 * The bound is a base plus a share of the live memory, so that an idle program falls close to its live size
 * by its own frees, without a thread or a timer of ours. A program that frees and asks again in phases would
 * pay a fault per page and phase; so pages that are wanted again within a second of going back are regretted,
 * and the bound grows by them, as long as live and free memory together stay within the peak of the live.
 * After a quiet second in which no page was regretted the growth halves, and the peak comes half of the way
 * down, at the next chance. All counts are pages. The caller locks.
 */
#ifndef HOLD_H
#define HOLD_H

#include "base.h"

struct hold {
	size_t returned;                    /* pages given back lately and not wanted again yet */
	size_t regretted;                   /* the growth of the bound */
	size_t peak;                        /* the most that was live lately */
	uint64_t returned_at, regretted_at; /* milliseconds */
};

/* The two parts of memory that hold free pages beside each other: what one holds counts against the other. */
enum hold_part { HOLD_CHUNKS, HOLD_LARGE, HOLD_PARTS };

/* Says what a part has, in use and free; each part calls it under its own lock. */
void hold_publish(enum hold_part part, size_t live, size_t held);

/* The pages in use by all parts; and those with what the other part than `part` holds. */
size_t hold_live(void);
size_t hold_live_beside(enum hold_part part);

/* The bound, for `live` pages in use. */
size_t hold_limit(const struct hold *hold, size_t base, size_t live);

/* Says that `npages` went back to the kernel. */
void hold_note_returned(struct hold *hold, size_t npages);

/* Says that `npages` are fetched from the kernel, and that `live` are in use then. */
void hold_note_wanted(struct hold *hold, size_t npages, size_t live);

/* Forgets old regrets; to be called before giving back. True: the bound has fallen. */
bool hold_decay(struct hold *hold, size_t live);

#endif

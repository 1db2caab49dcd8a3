/* reclaim.h (level 6): how much free memory is kept for reuse, and from where the rest goes back to
 * the kernel.
 *
 *	bound = b + min(growth, max(3/2 peak - resident - b, 0)), b = base + hold % of the live pages
 *
 * It is one bound on all that is free and may hold data, wherever it lies: pages of chunks, runs of
 * the pool, pages inside slabs on which no slot is taken (`ledger_purgeable`).
 * Resident is what would be there without these. The base and the share of the live memory let an
 * idle program fall close to its live size by its own frees, without a thread or a timer of ours. A
 * program that frees and asks again in phases would pay a fault per page and phase; so the growth is
 * two pages for each refault (ledger.h). The peak is the most that was live since the growth was 0
 * last. When a second has passed without a refault, the growth halves and the peak comes halfway down
 * to what is live, as often as seconds have passed.
 *
 * When there is more than the bound, the stores are asked in turn, and each gives back what it expects
 * to need last. One call takes about RECLAIM_US, or gives back as many pages as the program has just
 * asked for; the next one goes on. A kernel that gives nothing back (all is locked by mlockall, a
 * filter forbids the call) is left alone for a time that doubles, from 1 ms to 8 s.
 *
 * Stores never decide: they count (ledger.h) and purge what they are told. reclaim is called where a
 * slow path ends, with no lock held.
 */
#ifndef RECLAIM_H
#define RECLAIM_H

#include "ground/ledger.h"

enum { RECLAIM_US = 200 };

/* The bound, in pages. Any thread. */
size_t reclaim_bound(void);

/* Forgets half of the refaults for each time that has passed without one. */
COLD void reclaim_decay(void);

/* b alone: as long as no more than that is free, the growth does not matter. */
size_t reclaim_base(void);

/* Gives back what is beyond the bound, unless another thread is at it: npages of it, though that may
 * take long. Any thread, no lock held. */
void reclaim(size_t npages);

/* In the child of a fork: the thread that was at it may not be here. */
void reclaim_after_fork(void);

#endif

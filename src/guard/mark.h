/* mark.h (level 5): which slots were freed and not handed out since, so that a second free is known
 * at the call, whatever came between and whichever thread it was.
 *
 * K1. A slot of up to MARKED_MAX bytes that is freed gets a mark: its second word becomes the exclusive
 *     or of its address and a key. Every hand-out clears it. A program may write over it: then the
 *     slot counts as live until it returns to its slab.
 * K2. A purge takes the marks away with the page, whose class in the pagemap is 0 then: a free goes the
 *     slow way, which asks the slab's bitmap. No mark is made while blocks have frames (guard.h).
 * K3. Larger slots bear none, for their pages may never have been touched: chunk.h, C6 serves there.
 * K4. In the child of a process with several threads the key is another one: the pages of a process
 *     are not copied at one instant, so a block that is live there might bear a mark from before.
 */
#ifndef MARK_H
#define MARK_H

#include "middle/sizeclass.h"

struct slab;

/* Keeps what a program stores, for instance a block's own address in a list of one, from being taken
 * for a mark. */
extern uintptr_t mark_key HIDDEN;

/* Of a slot up to MARKED_MAX: its mark, whether it has it, and what sets and clears it. */
static inline uintptr_t mark_of(const void *slot) { return (uintptr_t)slot ^ mark_key; }
static inline bool mark_is_set(const void *slot) { return ((const uintptr_t *)slot)[1] == mark_of(slot); }
static inline void mark_set(void *slot) { ((uintptr_t *)slot)[1] = mark_of(slot); }
static inline void mark_clear(void *slot) { ((uintptr_t *)slot)[1] = 0; }

/* The same for a slot of any class; the slot. */
void *mark_freed(unsigned class, void *slot);
void *mark_taken(unsigned class, void *slot);
bool mark_was_freed(unsigned class, const void *slot);

/* Whether a pointer into a slab is a slot that was handed out and not freed since; not if the slab is NULL.
 * No lock: right for a slot that is the caller's to free. */
bool mark_is_live(const struct slab *slab, const void *slot);

void mark_after_fork(void); /* K4 */

#endif

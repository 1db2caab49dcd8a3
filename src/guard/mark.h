/* mark.h (level 3): which slots were freed and not handed out since, so that a second free is known
 * at the call, whatever came between and whichever thread it was.
 *
 * K1. A slot that is freed gets a mark: its second word becomes the exclusive or of its address and a
 *     key. Every hand-out clears it. A program may write over it: then the slot counts as live until
 *     it returns to its slab.
 * K2. Where a slot cannot or need not bear a mark its page has class 0 in the pagemap: a free goes the
 *     slow way, which asks the slab's bitmap. So it is where a purge took the marks away with the page,
 *     and where the program changed the page (altered.h), which may have no access. No mark is
 *     made while blocks have frames (guard.h).
 * K3. In the child of a process with several threads the key is another one: the pages of a process
 *     are not copied at one instant, so a block that is live there might bear a mark from before.
 */
#ifndef MARK_H
#define MARK_H

#include "middle/sizeclass.h"

struct slab;

/* Keeps what a program stores, for instance a block's own address in a list of one, from being taken
 * for a mark. */
extern uintptr_t mark_key HIDDEN;

static inline uintptr_t mark_of(const void *slot) { return (uintptr_t)slot ^ mark_key; }
static inline bool mark_is_set(const void *slot) { return ((const uintptr_t *)slot)[1] == mark_of(slot); }
static inline void mark_set(void *slot) { ((uintptr_t *)slot)[1] = mark_of(slot); }
static inline void mark_clear(void *slot) { ((uintptr_t *)slot)[1] = 0; }

/* Whether the program changed the page on which a slot begins: then it has no mark, and must not be
 * touched. */
bool mark_is_barred(const void *slot);

/* Whether a pointer into a slab is a slot that was handed out and not freed since; not if the slab is NULL.
 * No lock: right for a slot that is the caller's to free. */
bool mark_is_live(const struct slab *slab, const void *slot);

void mark_after_fork(void); /* K3 */

#endif

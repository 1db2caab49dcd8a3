/* guard.h (level 7): blocks with a frame, for debugging (debug:1, Valgrind) and for the hardened
 * mode. Decided once, at the start; then every malloc and free comes here by its slow path, and the
 * threads' caches stay empty.
 *
 * A block has a slot, a span or a large block to itself, and lies between a header and a canary:
 *
 *	slot:                         header | block | canary …
 *	span, large:  (guard page) … header | block | canary (guard page)
 *
 * F1. The header's seal is a keyed hash of its place, the block's size, its family and its state: a
 *     pointer that is no block's start, or whose header was written over, has none.
 * F2. Every byte of the canary is the process's canary byte, which is not 0.
 * F3. A freed block stays in quarantine for a while. A slot is filled with zeros, and compared with
 *     zeros when it leaves. Pages are purged; with debug:1 they are compared with zeros when they
 *     leave, in hardened mode they have no access meanwhile.
 * F4. A slot that is free holds zeros, and is compared with zeros when it is taken: so a new block
 *     is zero, and a write after free is found.
 * F5. Under Valgrind memcheck knows the blocks, and finds by itself what F1 … F4 are for.
 *
 * guard_lock guards the quarantine; no other lock is held when it is taken, or taken while it is
 * held.
 */
#ifndef GUARD_H
#define GUARD_H

#include "ground/lock.h"

/* The functions that made a block, or that free it. */
enum family { BY_MALLOC, BY_NEW, BY_NEW_ARRAY };

/* Whether blocks have frames. Set by guard_begin. */
extern bool guard_on HIDDEN;

/* Gives blocks frames from now on if BUDDYMALLOC_CONF asks for them or Valgrind runs; true then.
 * `early`: blocks without a frame may be live. To be called once, before there are threads. */
bool guard_begin(bool early);

/* Whether new blocks are zero: not under Valgrind. */
bool guard_zeroes(void);

/* Takes a block of `size` bytes, its address a multiple of `align`. A block of pages may grow to
 * `room` bytes in place; in hardened mode the pages that it has not grown into have no access.
 * NULL: no memory. */
void *guard_take(size_t size, size_t room, size_t align, enum family family);

/* Makes a live block `size` bytes long where it lies; the bytes that it gains are zero. NULL: it is
 * as it was. */
void *guard_resize(void *block, size_t size);

/* Sets the family of a live block that one function made by calling another. */
void guard_set_family(void *block, enum family family);

/* Frees a block that `family` made and that has `size` bytes (0: any size); anything else is
 * misuse. A block from before guard_begin is wiped and never used again. */
void guard_put(void *block, enum family family, size_t size);

/* The size that was asked for; a pointer to no live block is misuse by `call`. */
size_t guard_size(const char *call, const void *block);

/* What lies in quarantine, in bytes with their frames: slots, spans, large blocks; and the number
 * of these. Pages were purged when they went there. */
struct guard_totals {
	size_t slots, spans, large, nlarge;
};
struct guard_totals guard_count(void);

/* Empties the quarantine; true when there was something in it. */
bool guard_trim(void);

extern struct lock guard_lock;

#endif

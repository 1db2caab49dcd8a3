/* guard.h (rank 6): blocks with a frame, for debugging (debug:1, Valgrind) and for the hardened mode.
 * Decided once, at the start; then every malloc and free comes here by its slow path, and the threads'
 * caches lie idle.
 *
 * A block has a slot, a span or a large block to itself, and lies between a header and a canary:
 *
 *	slot:                         header | block | canary …
 *	span, large:  (guard page) … header | block | canary (guard page)
 *
 * F1. The header's seal is a keyed hash of its place, the block's size, its family and its state: a
 *     pointer that is no block's start, or whose header was written over, has none.
 * F2. Every byte of the canary is the process's canary byte, which is not 0.
 * F3. A freed block stays in quarantine for a while, filled with zeros, which are looked at when it
 *     leaves; pages are given back to the kernel for that and, in hardened mode, without access instead
 *     of being looked at.
 * F4. A slot that is free holds zeros, which are looked at when it is taken: so a block is zero when it
 *     is new, and a write after free is found.
 * F5. Under Valgrind memcheck knows the blocks, and finds what F1 … F4 are for by itself.
 *
 * guard_lock guards the quarantine; it is taken first and held for no call of another module.
 */
#ifndef GUARD_H
#define GUARD_H

#include "ground/lock.h"

/* What a block was made by, or is freed by. */
enum family { BY_MALLOC, BY_NEW, BY_NEW_ARRAY };

/* Whether blocks have frames. Set by guard_begin. */
extern bool guard_on HIDDEN;

/* Begins with frames if BUDDYMALLOC_CONF or Valgrind asks for them; true then. `early`: blocks without
 * may be live. To be called once, before there are threads. */
bool guard_begin(bool early);

/* Whether new blocks are zero: not under Valgrind. */
bool guard_zeroes(void);

/* A block of `size` bytes, its address a multiple of `align`. One of pages may grow to `room` bytes in place;
 * until then its last page is followed by pages without access. NULL: no memory. */
void *guard_take(size_t size, size_t room, size_t align, enum family family);

/* Makes a live block `size` bytes long where it lies; what it gains is zero. NULL: it stays as it is. */
void *guard_resize(void *block, size_t size);

/* Says by what a live block was made, when that called another. */
void guard_set_family(void *block, enum family family);

/* Frees a block, made by `family` and, unless 0, of `size` bytes; anything else is misuse. One from
 * before guard_begin is wiped and never used again: they are few. */
void guard_put(void *block, enum family family, size_t size);

/* The size that was asked for; what is no live block is misuse by `call`. */
size_t guard_size(const char *call, const void *block);

/* Empties the quarantine; true when there was something in it. */
bool guard_trim(void);

extern struct lock guard_lock;

#endif

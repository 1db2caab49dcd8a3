/* buddy.h: a binary buddy allocator, usable on its own: no libc, no OS, no recursion, no global state.
 *
 * It hands out runs of leaves (smallest blocks) of an arena whose geometry is given at init. It never
 * touches the arena itself unless the links are put there. Nothing here is thread-safe; the caller locks.
 * The algorithm, its invariants and its bound are at the head of src/back/buddy.c.
 *
 * An arena of 2 MiB in leaves of 16 bytes, with no memory beside it but the bits:
 *
 *	static _Alignas(16) unsigned char arena[1 << 21];
 *	static uint32_t bits[BUDDY_WORDS(1 << 17)];
 *	struct buddy buddy;
 *	buddy_init(&buddy, 1 << 17, bits, arena, 16);
 *	uint32_t leaf = buddy_take(&buddy, leaves, 0);
 */
#ifndef BUDDY_H
#define BUDDY_H

#include <stdint.h>

enum { BUDDY_MAX_ORDER = 24 };

/* No leaf: what a request that cannot be served returns. */
#define BUDDY_NONE UINT32_MAX

/* The 32-bit words of bitmap that an arena of `nleaves` leaves needs; nleaves is a power of two. */
#define BUDDY_WORDS(nleaves) ((2 * (uint32_t)(nleaves) + 31) / 32)

/* A free block's place in its order's circular list. */
struct buddy_link {
	uint32_t next, prev;
};

struct buddy {
	uint32_t nleaves; /* a power of two */
	uint32_t height;  /* log2 of nleaves: the root's order */
	uint32_t mask;    /* bit k: the list of order k is not empty */
	uint32_t stride;  /* bytes from one leaf's link to the next leaf's */
	uint32_t *bits;   /* bit n: a leaf of the block of node n is allocated */
	unsigned char *links;
	struct buddy_link heads[BUDDY_MAX_ORDER + 1];
};

/* Makes an arena of `nleaves` (a power of two, at most 2^24) free leaves. `bits` is BUDDY_WORDS(nleaves)
 * words; the link of leaf i lies at links + i * stride (stride at least 8, both 4-byte aligned): beside the
 * arena, or in the free blocks themselves when links is the arena and stride the leaf's size. */
void buddy_init(struct buddy *buddy, uint32_t nleaves, uint32_t *bits, void *links, uint32_t stride);

/* Takes a run of n leaves (1 … nleaves) whose first leaf is a multiple of 2^align_order; returns the first
 * leaf, or BUDDY_NONE. The surplus of the block it came from is given back at once: no slack. O(height). */
uint32_t buddy_take(struct buddy *buddy, uint32_t n, uint32_t align_order);

/* Takes exactly the leaves [leaf, leaf + n), wherever they lie; returns 1, or 0 with nothing changed when
 * one of them is not free. O(n / 32 + height). */
int buddy_take_at(struct buddy *buddy, uint32_t leaf, uint32_t n);

/* Frees the leaves [leaf, leaf + n), which are allocated: a run that was taken, a part of one, or several
 * side by side. O(n / 32 + height). */
void buddy_put(struct buddy *buddy, uint32_t leaf, uint32_t n);

/* The first leaf from `leaf` on that is free, and that is allocated; nleaves when none is. O(n / 32). */
uint32_t buddy_next_free(const struct buddy *buddy, uint32_t leaf);
uint32_t buddy_next_used(const struct buddy *buddy, uint32_t leaf);

/* The first run of at least n (1 … nleaves) free leaves that begins at `leaf` or behind it, where `leaf` is 0
 * or follows an allocated leaf; its end goes to *end. nleaves: there is none. A run is as long as can be: one
 * or more free blocks side by side. */
uint32_t buddy_next_run(const struct buddy *buddy, uint32_t leaf, uint32_t n, uint32_t *end);

/* The largest order with a free block, or -1. */
int buddy_largest(const struct buddy *buddy);

/* For debug builds and tests, in buddy_check.c: verifies every invariant; 0, or the number of the first one
 * that does not hold (B1 is 1, …). And the order of the free block that starts at a leaf, or -1. */
int buddy_check(const struct buddy *buddy);
int buddy_free_order(const struct buddy *buddy, uint32_t leaf);

#endif

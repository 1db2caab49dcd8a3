/* buddy.c (level 0): a binary buddy allocator over an abstract arena. Freestanding.
 *
 * 1. The arena is a binary tree of blocks in array form: root 1, children 2n and 2n+1, parent n/2,
 *    buddy n^1. A leaf is order 0, the root order `height`; leaf i is node nleaves + i.
 * 2. One bit per node: "a leaf of this block is allocated". So the leaves' bits say what is free,
 *    and those above them which of it is one block: a clear node whose parent is set.
 * 3. Take: the smallest order with a free block that is large enough gives one (mask, count
 *    trailing zeros), and of it just the leaves that were asked for.
 * 4. Both taking and putting change a run of leaves from the leaves' order up. What lies between
 *    the run's two ends needs no thought; at each end lies a node whose buddy is outside the run.
 *    Taking splits: while the parent was free, the buddy becomes a free block of its own, and the
 *    parent is next. Putting coalesces: while the buddy is free, it stops being a block of its own,
 *    and the parent is next.
 *
 * Invariants, checked by buddy_check (buddy_check.c):
 * B1. The bit of a node that is no leaf is set exactly when that of one of its children is.
 * B2. Bit 0, which is no node, is clear.
 * B3. A clear node under a set parent, and a clear root, is on its order's list; nothing else is.
 * B4. Lists are circular: x.next.prev = x = x.prev.next; leaves are in range, aligned to the order.
 * B5. Bit k of mask is set exactly when list k is not empty.
 *
 * Bound: with blocks of powers of two, n the largest and 1 the smallest, first fit can always serve
 * M live leaves from N >= M(1 + log2(n)/2) - n + 1 (J. M. Robson, JACM 21(3), 1974). The buddy
 * system: K. C. Knowlton, CACM 8(10), 1965.
 */
#include "buddy.h"

/* ---- bits ---- */

static int used(const struct buddy *b, uint32_t node) { return b->bits[node / 32] >> (node % 32) & 1; }

static inline void mark_in(uint32_t *word, uint32_t mask, int set) {
	*word = set ? *word | mask : *word & ~mask;
}

/* Sets or clears the bits of the nodes [lo, hi]. */
static inline void mark(struct buddy *b, uint32_t lo, uint32_t hi, int set) {
	uint32_t w = lo / 32, mask = ~0u << (lo % 32);
	for (; w < hi / 32; w++, mask = ~0u)
		mark_in(&b->bits[w], mask, set);
	mark_in(&b->bits[w], mask & ~0u >> (31 - hi % 32), set);
}

/* The first of the nodes [node, end) whose bit is not that of `flip` (0, or all bits); `end` when
 * there is none. */
static inline uint32_t next_node(const struct buddy *b, uint32_t node, uint32_t end, uint32_t flip) {
	uint32_t w = node / 32;
	if (node >= end)
		return end;
	uint32_t found = (b->bits[w] ^ flip) & ~0u << (node % 32);
	while (!found) {
		if (++w * 32 >= end)
			return end;
		found = b->bits[w] ^ flip;
	}
	node = w * 32 + (uint32_t)__builtin_ctz(found);
	return node < end ? node : end;
}

uint32_t buddy_next_free(const struct buddy *b, uint32_t leaf) {
	return next_node(b, b->nleaves + leaf, 2 * b->nleaves, ~0u) - b->nleaves;
}
uint32_t buddy_next_used(const struct buddy *b, uint32_t leaf) {
	return next_node(b, b->nleaves + leaf, 2 * b->nleaves, 0) - b->nleaves;
}

/* The leaf behind the last allocated one of [from, leaf), or `from`. */
static inline uint32_t run_start(const struct buddy *b, uint32_t from, uint32_t leaf) {
	uint32_t node = b->nleaves + leaf, w = node / 32, first = (b->nleaves + from) / 32;
	uint32_t found = b->bits[w] & ((1u << node % 32) - 1);
	while (!found && w > first)
		found = b->bits[--w];
	node = found ? w * 32 + 32 - (uint32_t)__builtin_clz(found) : 0;
	return node > b->nleaves + from ? node - b->nleaves : from;
}

/* A run of n leaves holds a free, aligned block of the order of (n + 1) / 2: of 7 leaves one of 4.
 * So only the bits of that order are searched, and the run is measured from what is found. */
uint32_t buddy_next_run(const struct buddy *b, uint32_t leaf, uint32_t n, uint32_t *end) {
	uint32_t order = 31 - (uint32_t)__builtin_clz((n + 1) / 2), size = 1u << order;
	uint32_t row = b->nleaves >> order;
	for (uint32_t from = leaf;; from = *end) {
		uint32_t node = next_node(b, row + (from + size - 1) / size, 2 * row, ~0u);
		if (node == 2 * row)
			return b->nleaves;
		uint32_t start = run_start(b, from, (node - row) * size);
		*end = buddy_next_used(b, (node - row + 1) * size);
		if (*end - start >= n)
			return start;
	}
}

/* ---- the lists of free blocks; index nleaves + k is the sentinel of order k ---- */

static struct buddy_link *link_of(const struct buddy *b, uint32_t index) {
	if (index >= b->nleaves)
		return (struct buddy_link *)&b->heads[index - b->nleaves];
	return (struct buddy_link *)(void *)(b->links + (uint64_t)index * b->stride);
}

static void list_add(struct buddy *b, uint32_t order, uint32_t node) {
	uint32_t leaf = (node << order) - b->nleaves, head = b->nleaves + order;
	uint32_t next = b->heads[order].next;
	*link_of(b, leaf) = (struct buddy_link){.next = next, .prev = head};
	link_of(b, next)->prev = leaf;
	b->heads[order].next = leaf;
	b->mask |= 1u << order;
}

static void list_remove(struct buddy *b, uint32_t order, uint32_t node) {
	struct buddy_link link = *link_of(b, (node << order) - b->nleaves);
	link_of(b, link.prev)->next = link.next;
	link_of(b, link.next)->prev = link.prev;
	if (link.next == link.prev && link.next >= b->nleaves)
		b->mask &= ~(1u << order);
}

/* ---- changing a run ---- */

/* Takes the leaves [leaf, leaf + n), which are free. At each order, lo … hi are the nodes that
 * change. The leftmost block that the splits leave may start where the block that they split
 * starts, whose link lies there: so it comes on its list last. */
static void take_leaves(struct buddy *b, uint32_t leaf, uint32_t n) {
	uint32_t lo = b->nleaves + leaf, hi = lo + n - 1, leftmost = 0, its_order = 0;
	for (uint32_t order = 0; lo <= hi; order++, lo /= 2, hi /= 2) {
		mark(b, lo, hi, 1);
		if (lo == 1) {
			list_remove(b, order, lo);
			break;
		}
		if (lo % 2 == 1 && used(b, lo / 2)) {
			list_remove(b, order, lo++);
		} else if (lo % 2 == 1) {
			if (leftmost)
				list_add(b, its_order, leftmost);
			leftmost = lo ^ 1;
			its_order = order;
		}
		if (hi % 2 == 0 && lo <= hi) {
			if (used(b, hi / 2))
				list_remove(b, order, hi--);
			else
				list_add(b, order, hi ^ 1);
		}
	}
	if (leftmost)
		list_add(b, its_order, leftmost);
}

/* Coalesces a node that became free and whose buddy is outside the run, and says so; or puts it on
 * its list. */
static inline int coalesces(struct buddy *b, uint32_t node, uint32_t order) {
	if (used(b, node ^ 1)) {
		list_add(b, order, node);
		return 0;
	}
	list_remove(b, order, node ^ 1);
	return 1;
}

void buddy_put(struct buddy *b, uint32_t leaf, uint32_t n) {
	uint32_t lo = b->nleaves + leaf, hi = lo + n - 1;
	for (uint32_t order = 0; lo <= hi; order++, lo /= 2, hi /= 2) {
		mark(b, lo, hi, 0);
		if (lo == 1) {
			list_add(b, order, lo);
			break;
		}
		if (lo % 2 == 1 && !coalesces(b, lo, order))
			lo++;
		if (hi % 2 == 0 && lo <= hi && !coalesces(b, hi, order))
			hi--;
	}
}

int buddy_take_at(struct buddy *b, uint32_t leaf, uint32_t n) {
	if (leaf >= b->nleaves || n > b->nleaves - leaf || buddy_next_used(b, leaf) < leaf + n)
		return 0;
	take_leaves(b, leaf, n);
	return 1;
}

void buddy_init(struct buddy *b, uint32_t nleaves, uint32_t *bits, void *links, uint32_t stride) {
	b->nleaves = nleaves;
	b->height = 31 - (uint32_t)__builtin_clz(nleaves);
	b->mask = 0;
	b->bits = bits;
	b->links = links;
	b->stride = stride;
	for (uint32_t i = 0; i < BUDDY_WORDS(nleaves); i++)
		bits[i] = 0;
	for (uint32_t k = 0; k <= b->height; k++)
		b->heads[k] = (struct buddy_link){.next = nleaves + k, .prev = nleaves + k};
	list_add(b, b->height, 1);
}

uint32_t buddy_take(struct buddy *b, uint32_t n, uint32_t align_order) {
	uint32_t order = n <= 1 ? 0 : 32 - (uint32_t)__builtin_clz(n - 1);
	if (order < align_order)
		order = align_order;
	if (order > b->height)
		return BUDDY_NONE;
	uint32_t candidates = b->mask >> order;
	if (!candidates)
		return BUDDY_NONE;
	order += (uint32_t)__builtin_ctz(candidates);
	uint32_t leaf = b->heads[order].next;
	take_leaves(b, leaf, n);
	return leaf;
}

int buddy_largest(const struct buddy *b) { return 31 - (b->mask ? __builtin_clz(b->mask) : 32); }

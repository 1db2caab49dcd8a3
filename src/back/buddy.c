/* buddy.c (rank 0): a binary buddy allocator over an abstract arena. Freestanding.
 *
 * 1. The arena is a binary tree of blocks in array form: root 1, children 2n and 2n+1, parent n/2,
 *    buddy n^1. A leaf is order 0, the root order `height`; leaf i is node nleaves + i.
 * 2. One bit per node: "something inside this block is allocated". Of a node whose parent's bit is
 *    set: a clear bit says that the block is free; a set bit with both children clear (or of a
 *    leaf) that it is allocated as a whole; a set bit with a child set that it is split.
 * 3. Take: the smallest order with a free block that is large enough gives one (mask, count
 *    trailing zeros). Carve walks down from it to the end of the run: a half beyond the run becomes
 *    a free block, a half within it an allocated one. So one loop both splits and trims.
 * 4. Put: clear the block's bit; while its buddy's bit is clear too, take the buddy off its list,
 *    clear the parent's bit and go on with the parent. Then put the block on the list of its order.
 *
 * Invariants, checked by buddy_check (buddy_check.c):
 * B1. A set bit has a set parent.
 * B2. Bit 0, which is no node, is clear.
 * B3. A clear node under a split parent, and a clear root, is on its order's list; nothing else is.
 * B4. Lists are circular: x.next.prev = x = x.prev.next; leaves are in range, aligned to the order.
 * B5. Bit k of mask is set exactly when list k is not empty.
 *
 * Bound: with blocks of powers of two, n the largest and 1 the smallest, first fit can always serve
 * M live leaves from N >= M(1 + log2(n)/2) - n + 1 (J. M. Robson, JACM 21(3), 1974). The buddy
 * system: K. C. Knowlton, CACM 8(10), 1965.
 */
#include "buddy.h"

#define NO_FREE_NODE 0u

/* Where a block lies: arithmetic alone. */
static uint32_t node_order(const struct buddy *b, uint32_t node) {
	return b->height -
	       (31 - (uint32_t)__builtin_clz(node)); /* height 9, node 5 (third level): 9 - 2 = 7 */
}
static uint32_t node_leaf(const struct buddy *b, uint32_t node) {
	return (node << node_order(b, node)) - b->nleaves;
}
static uint32_t leaf_node(const struct buddy *b, uint32_t leaf, uint32_t order) {
	return (b->nleaves + leaf) >> order;
}

/* Whether a block is free, whole, or may coalesce: the bits alone. */
static int used(const struct buddy *b, uint32_t node) { return b->bits[node / 32] >> (node % 32) & 1; }
static void set_used(struct buddy *b, uint32_t node) { b->bits[node / 32] |= 1u << (node % 32); }
static void clear_used(struct buddy *b, uint32_t node) { b->bits[node / 32] &= ~(1u << (node % 32)); }
static int is_leaf(const struct buddy *b, uint32_t node) { return node >= b->nleaves; }
static int may_coalesce(const struct buddy *b, uint32_t node) { return node > 1 && !used(b, node ^ 1); }
static int is_whole(const struct buddy *b, uint32_t node) {
	return used(b, node) && (is_leaf(b, node) || (!used(b, 2 * node) && !used(b, 2 * node + 1)));
}

/* The lists of free blocks. Index nleaves + k is the sentinel of order k. */
static struct buddy_link *link_of(const struct buddy *b, uint32_t index) {
	if (index >= b->nleaves)
		return (struct buddy_link *)&b->heads[index - b->nleaves];
	return (struct buddy_link *)(void *)(b->links + (uint64_t)index * b->stride);
}

static void list_add(struct buddy *b, uint32_t order, uint32_t leaf) {
	uint32_t head = b->nleaves + order;
	uint32_t next = b->heads[order].next;
	*link_of(b, leaf) = (struct buddy_link){.next = next, .prev = head};
	link_of(b, next)->prev = leaf;
	b->heads[order].next = leaf;
	b->mask |= 1u << order;
}

static void list_remove(struct buddy *b, uint32_t order, uint32_t leaf) {
	struct buddy_link link = *link_of(b, leaf);
	link_of(b, link.prev)->next = link.next;
	link_of(b, link.next)->prev = link.prev;
	if (link.next == link.prev && link.next == b->nleaves + order)
		b->mask &= ~(1u << order);
}

static void add_free(struct buddy *b, uint32_t node) { list_add(b, node_order(b, node), node_leaf(b, node)); }
static void remove_free(struct buddy *b, uint32_t node) {
	list_remove(b, node_order(b, node), node_leaf(b, node));
}

/* Keeps the first n leaves of the block `node`, which is on no list, and frees the rest of it. */
static void carve(struct buddy *b, uint32_t node, uint32_t n) {
	uint32_t order = node_order(b, node);
	set_used(b, node);
	while (n < 1u << order) {
		uint32_t left = 2 * node, half = 1u << --order;
		if (n <= half) {
			add_free(b, left + 1);
			node = left;
		} else {
			set_used(b, left);
			n -= half;
			node = left + 1;
		}
		set_used(b, node);
	}
}

/* Frees one allocated block. */
static void put_block(struct buddy *b, uint32_t node) {
	clear_used(b, node);
	while (may_coalesce(b, node)) {
		remove_free(b, node ^ 1);
		node /= 2;
		clear_used(b, node);
	}
	add_free(b, node);
}

/* The allocated block that starts at `leaf`. */
static uint32_t block_from(const struct buddy *b, uint32_t leaf) {
	uint32_t node = b->nleaves + leaf;
	while (!used(b, node))
		node /= 2;
	return node;
}

/* The free block that holds `leaf`, or NO_FREE_NODE. */
static uint32_t free_around(const struct buddy *b, uint32_t leaf) {
	uint32_t node = b->nleaves + leaf;
	if (used(b, node))
		return NO_FREE_NODE;
	while (node > 1 && !used(b, node / 2))
		node /= 2;
	if (node > 1 && is_whole(b, node / 2))
		return NO_FREE_NODE;
	return node;
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
	add_free(b, 1);
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
	list_remove(b, order, leaf);
	carve(b, leaf_node(b, leaf, order), n);
	return leaf;
}

int buddy_take_at(struct buddy *b, uint32_t leaf, uint32_t n) {
	uint32_t end = leaf + n;
	for (uint32_t at = leaf; at < end;) {
		uint32_t node = at < b->nleaves ? free_around(b, at) : NO_FREE_NODE;
		if (node == NO_FREE_NODE || node_leaf(b, node) != at)
			return 0;
		at += 1u << node_order(b, node);
	}
	while (leaf < end) {
		uint32_t node = free_around(b, leaf), size = 1u << node_order(b, node);
		remove_free(b, node);
		carve(b, node, size < end - leaf ? size : end - leaf);
		leaf += size;
	}
	return 1;
}

void buddy_put(struct buddy *b, uint32_t leaf, uint32_t n) {
	uint32_t end = leaf + n;
	while (leaf < end) {
		uint32_t node = block_from(b, leaf);
		leaf += 1u << node_order(b, node);
		put_block(b, node);
	}
}

void buddy_trim(struct buddy *b, uint32_t leaf, uint32_t n, uint32_t keep) {
	uint32_t end = leaf + n, kept = leaf + keep;
	while (leaf < kept) {
		uint32_t node = block_from(b, leaf), size = 1u << node_order(b, node);
		if (leaf + size > kept)
			carve(b, node, kept - leaf);
		leaf += size;
	}
	if (leaf < end)
		buddy_put(b, leaf, end - leaf);
}

struct buddy_block buddy_at(const struct buddy *b, uint32_t leaf) {
	uint32_t node = b->nleaves + leaf;
	while (!used(b, node)) {
		if (node == 1 || node % 2 == 1)
			break; /* the root, or a right half: no larger block starts here */
		if (used(b, node / 2) && !is_whole(b, node / 2))
			break;
		node /= 2;
	}
	struct buddy_block none = {.order = 0, .is_free = -1};
	struct buddy_block found = {.order = node_order(b, node), .is_free = !used(b, node)};
	if (found.is_free ? free_around(b, leaf) != node : !is_whole(b, node))
		return none;
	return found;
}

int buddy_largest(const struct buddy *b) { return 31 - (b->mask ? __builtin_clz(b->mask) : 32); }

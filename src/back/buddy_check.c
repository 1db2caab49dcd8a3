/* buddy_check.c (level 0): verifies the invariants at the head of buddy.c. Debug builds and tests
 * only. It has no function in common with the allocator, so that one mistake cannot hide in
 * both. */
#include "buddy.h"

static uint32_t bit(const struct buddy *b, uint32_t node) { return b->bits[node / 32] >> (node % 32) & 1; }

/* Whether the bits show a free block: the node is clear and its parent is set, or it is a clear
 * root. */
static int free_by_bits(const struct buddy *b, uint32_t node) {
	return !bit(b, node) && (node == 1 || bit(b, node / 2));
}

int buddy_free_order(const struct buddy *b, uint32_t leaf) {
	for (uint32_t order = 0; order <= b->height && leaf % (1u << order) == 0; order++)
		if (free_by_bits(b, (b->nleaves + leaf) >> order))
			return (int)order;
	return -1;
}

/* The free blocks of one order by the bits, or UINT32_MAX when B1 fails. */
static uint32_t count_by_bits(const struct buddy *b, uint32_t order) {
	uint32_t count = 0;
	for (uint32_t node = b->nleaves >> order; node < 2 * (b->nleaves >> order); node++) {
		if (node < b->nleaves && bit(b, node) != (bit(b, 2 * node) | bit(b, 2 * node + 1)))
			return UINT32_MAX;
		count += (uint32_t)free_by_bits(b, node);
	}
	return count;
}

static const struct buddy_link *link_at(const struct buddy *b, uint32_t index) {
	return index >= b->nleaves
	               ? &b->heads[index - b->nleaves]
	               : (const struct buddy_link *)(const void *)(b->links + (uint64_t)index * b->stride);
}

/* Follows the list of one order; its length goes to *count. 0, or the invariant that fails. */
static int follow_list(const struct buddy *b, uint32_t order, uint32_t *count) {
	uint32_t head = b->nleaves + order, at = head, next;
	for (*count = 0; (next = link_at(b, at)->next) != head; at = next) {
		if (next >= b->nleaves || next % (1u << order) != 0 || link_at(b, next)->prev != at)
			return 4;
		if (!free_by_bits(b, (b->nleaves + next) >> order))
			return 3;
		if (++*count > b->nleaves >> order)
			return 4;
	}
	return link_at(b, head)->prev == at ? 0 : 4;
}

int buddy_check(const struct buddy *b) {
	if (bit(b, 0))
		return 2;
	for (uint32_t order = 0; order <= b->height; order++) {
		uint32_t by_bits = count_by_bits(b, order), by_list;
		if (by_bits == UINT32_MAX)
			return 1;
		int broken = follow_list(b, order, &by_list);
		if (broken)
			return broken;
		if (by_bits != by_list)
			return 3;
		if ((b->mask >> order & 1) != (by_list != 0))
			return 5;
	}
	return b->mask >> b->height >> 1 ? 5 : 0;
}

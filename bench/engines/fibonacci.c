/* fibonacci.c: the buddy system on the Fibonacci series of sizes: 32, 48, 80, 128, 208, … bytes. A size
 * is 1.6 times the one below instead of twice, so less is lost by rounding up; the price is that a buddy is
 * no longer one xor away. Sources: D. S. Hirschberg, "A class of dynamic memory allocation algorithms", CACM
 * 16(10), 1973; Knuth, vol. 1, 2.5; and, for finding the buddy, B. Cranston and R. Thomas, "A simplified
 * recombination scheme for the Fibonacci buddy system", CACM 18(6), 1975.
 *
 * 1. A block of order k splits into a left one of order k-1 and a right one of order k-2; orders 0 and 1 do
 * not.
 * 2. Each block has two bits. B: it is the right one of its pair. M: what its parents lent it, so that they
 * need no record of their own: a split gives the left child the parent's B as its M, and the right one the
 * parent's M. A merge takes both back. Order and B say where the buddy is and how large it has to be.
 * 3. Put: while the block that starts at the buddy's place is free and of the buddy's order, merge. An order
 * names a place in the tree only together with an address; but the buddy's whole block is the only one that
 * can start at that place with that order.
 * 4. A chunk is one block of the highest order, 1.9 MB. Lists are common to all chunks. Of chunks wholly free
 * one is kept. What is larger than a chunk gets a mapping of its own.
 *
 * F1. A block starts 8 bytes before a multiple of 16, with 8 bytes of header; its links follow while it is
 * free. F2. Bit k of mask is set exactly when the list of order k is not empty. F3. Two free blocks are never
 * buddies.
 */
#include "engine.h"

#include "ground/os.h"

enum kind { BLOCK, MAPPING, DISPLACED };

/* BLOCK: one of the tree. MAPPING: one of its own, whose size in bytes is in the word before. DISPLACED:
 * stands before an address inside a block that is aligned more than blocks are; `distance` leads back to the
 * block. */
struct block {
	uint8_t order;
	uint8_t kind : 4, is_free : 1, right : 1, memory : 1; /* right and memory: B and M of rule 2 */
	uint16_t unused;
	uint32_t distance; /* in units of 16 bytes */
	struct block *next, *prev;
};

enum { ORDERS = 24, TOP = ORDERS - 1, HEADER = 8 };
_Static_assert(offsetof(struct block, next) == HEADER && sizeof(struct block) <= 32, "F1");

/* Bytes of a block by order. */
static const size_t sizes[ORDERS] = {
        16 * 2,    16 * 3,    16 * 5,     16 * 8,     16 * 13,    16 * 21,    16 * 34,    16 * 55,
        16 * 89,   16 * 144,  16 * 233,   16 * 377,   16 * 610,   16 * 987,   16 * 1597,  16 * 2584,
        16 * 4181, 16 * 6765, 16 * 10946, 16 * 17711, 16 * 28657, 16 * 46368, 16 * 75025, 16 * 121393,
};

static struct block *lists[ORDERS];
static uint32_t mask;

static struct block *at(const void *base, size_t offset) {
	return (struct block *)(uintptr_t)((const char *)base + offset);
}
static struct block *before(const void *base, size_t offset) {
	return (struct block *)(uintptr_t)((const char *)base - offset);
}

/* ---- the lists ---- */

static void add_free(struct block *block) {
	struct block **list = &lists[block->order];
	block->is_free = 1;
	block->prev = NULL;
	block->next = *list;
	if (*list)
		(*list)->prev = block;
	*list = block;
	mask |= 1u << block->order;
}

static void remove_free(struct block *block) {
	block->is_free = 0;
	if (block->next)
		block->next->prev = block->prev;
	if (block->prev)
		block->prev->next = block->next;
	else
		lists[block->order] = block->next;
	if (!lists[block->order])
		mask &= ~(1u << block->order);
}

/* ---- split and merge ---- */

/* Makes `block` the left one and returns the right one. */
static struct block *split(struct block *block) {
	unsigned order = block->order;
	struct block *other = at(block, sizes[order - 1]);
	*other = (struct block){.order = (uint8_t)(order - 2), .right = 1, .memory = block->memory};
	block->order = (uint8_t)(order - 1);
	block->memory = block->right;
	block->right = 0;
	return other;
}

/* Gives the parent of two buddies. */
static struct block *merge(struct block *left, const struct block *other) {
	left->order++;
	left->right = left->memory;
	left->memory = other->memory;
	return left;
}

/* The free buddy of a block, whole, or NULL. */
static struct block *free_buddy(struct block *block) {
	if (block->order == TOP)
		return NULL;
	unsigned order = block->right ? block->order + 1u : block->order - 1u;
	struct block *buddy = block->right ? before(block, sizes[order]) : at(block, sizes[block->order]);
	return buddy->is_free && buddy->order == order ? buddy : NULL;
}

static bool map_chunk(void) {
	char *base = os_map_aligned(HEADER + sizes[TOP], os_page_size());
	if (!base)
		return false;
	struct block *block = at(base, HEADER);
	block->order = TOP;
	add_free(block);
	return true;
}

/* The smallest block that is large enough, halved in the golden section as often as can be. */
static struct block *take_order(unsigned order) {
	if (!(mask >> order) && !map_chunk())
		return NULL;
	struct block *block = lists[order + (unsigned)__builtin_ctz(mask >> order)];
	remove_free(block);
	while (block->order > order && block->order >= 2) {
		struct block *other = split(block);
		if (other->order >= order) { /* the smaller one will do */
			add_free(block);
			block = other;
		} else {
			add_free(other);
		}
	}
	return block;
}

static void put_block(struct block *block) {
	for (struct block *buddy; (buddy = free_buddy(block));) {
		remove_free(buddy);
		block = block->right ? merge(buddy, block) : merge(block, buddy);
	}
	if (block->order == TOP && lists[TOP])
		os_unmap(before(block, HEADER), HEADER + sizes[TOP]);
	else
		add_free(block);
}

/* ---- a mapping of its own: 8 bytes of size, then a header ---- */

static struct block *take_mapping(size_t size) {
	size = align_up(size + HEADER, os_page_size());
	size_t *base = os_map_aligned(size, os_page_size());
	if (!base)
		return NULL;
	*base = size;
	struct block *block = at(base, HEADER);
	block->kind = MAPPING;
	return block;
}

static size_t mapping_size(const struct block *block) { return ((const size_t *)(const void *)block)[-1]; }

/* ---- the engine ---- */

static struct block *header_of(const void *user) {
	struct block *block = before(user, HEADER);
	return block->kind == DISPLACED ? before(block, (size_t)block->distance * QUANTUM) : block;
}

/* The first aligned address of a block, with a header before it that leads back. */
static void *displace(struct block *block, size_t align) {
	uintptr_t user = (uintptr_t)block + HEADER;
	size_t distance = align_up(user, align) - user;
	struct block *header = at(block, distance);
	if (distance) {
		header->kind = DISPLACED;
		header->distance = (uint32_t)(distance / QUANTUM);
	}
	return at(header, HEADER);
}

void *engine_take(size_t size, size_t align) {
	unsigned order = 0;
	if (align / QUANTUM > UINT32_MAX)
		return NULL;
	size += HEADER + (align - QUANTUM);
	while (order <= TOP && sizes[order] < size)
		order++;
	struct block *block = order <= TOP ? take_order(order) : take_mapping(size);
	return block ? displace(block, align) : NULL;
}

void engine_put(void *user) {
	struct block *block = header_of(user);
	if (block->kind == MAPPING)
		os_unmap(before(block, HEADER), mapping_size(block));
	else
		put_block(block);
}

struct engine_block engine_at(const void *user) {
	const struct block *block = header_of(user);
	bool mapped = block->kind == MAPPING;
	size_t given = mapped ? mapping_size(block) : sizes[block->order];
	size_t header = (size_t)((const char *)user - (const char *)block) + (mapped ? HEADER : 0);
	return (struct engine_block){.size = given - header, .given = given, .fresh = mapped};
}

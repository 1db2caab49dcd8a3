/* firstfit.c: a list of free blocks; the first that fits is split; neighbours that are both free are merged.
 * Source: Knuth, The Art of Computer Programming, vol. 1, 2.5: algorithm A (first fit, taking the far end of
 * a free block), and for liberation B (list sorted by address) or C (boundary tags). SORTED chooses between
 * them:
 *
 *   sorted     put walks the list to the block's place, and sees there whether its neighbours touch it;
 *   unsorted   put looks at its neighbours in memory, by tags at both ends of a free block, and adds at the
 * front.
 *
 * F1. A block is a multiple of 16 bytes, at least 32, and starts 8 bytes before a multiple of 16.
 * F2. Its first word is its size, with USED set unless it is on the list. A region ends with a USED word of
 * size 0. F3. Two free blocks never touch. F4. Unsorted: the last word of a free block is its size, and the
 * block after it has AFTER_FREE set. Sorted: the list rises by address, and neither of the two is kept.
 *
 * Regions are never given back to the kernel.
 */
#include "engine.h"

#include "ground/os.h"

#ifndef SORTED
#define SORTED 1
#endif

enum { USED = 1, AFTER_FREE = 2, FLAGS = USED | AFTER_FREE, BLOCK_MIN = 32 };
#define HEADER     sizeof(size_t)
#define REGION_MIN ((size_t)1 << 20)

struct block {
	size_t head;
	struct block *next, *prev; /* of a free block only */
};

static struct block list = {.next = &list, .prev = &list};
static size_t total; /* bytes mapped so far */

static size_t size_of(const struct block *block) { return block->head & ~(size_t)FLAGS; }
static bool is_free(const struct block *block) { return !(block->head & USED); }
static struct block *at(const void *base, size_t offset) {
	return (struct block *)(uintptr_t)((const char *)base + offset);
}
static struct block *after(const struct block *block) { return at(block, size_of(block)); }
static size_t *last_word(struct block *block) { return (size_t *)(void *)((char *)after(block) - HEADER); }

/* ---- tags ---- */

static void mark_free(struct block *block, size_t size) {
	block->head = size | (block->head & AFTER_FREE);
	if (!SORTED) {
		*last_word(block) = size;
		after(block)->head |= AFTER_FREE;
	}
}

static void mark_used(struct block *block, size_t size, bool after_free) {
	block->head = size | USED | (!SORTED && after_free ? AFTER_FREE : 0u);
	if (!SORTED)
		after(block)->head &= ~(size_t)AFTER_FREE;
}

/* ---- the list ---- */

static void insert(struct block *block, struct block *prev) {
	block->prev = prev;
	block->next = prev->next;
	prev->next->prev = block;
	prev->next = block;
}

static void unlink_free(struct block *block) {
	block->prev->next = block->next;
	block->next->prev = block->prev;
}

/* Algorithm B. */
static void put_sorted(struct block *block) {
	struct block *next = list.next;
	while (next != &list && next < block)
		next = next->next;
	struct block *prev = next->prev;
	size_t size = size_of(block);
	insert(block, prev);
	if (next != &list && at(block, size) == next) {
		unlink_free(next);
		size += size_of(next);
	}
	if (prev != &list && after(prev) == block) {
		unlink_free(block);
		block = prev;
		size += size_of(prev);
	}
	mark_free(block, size);
}

/* Algorithm C. */
static void put_unsorted(struct block *block) {
	struct block *next = after(block);
	size_t size = size_of(block);
	if (is_free(next)) {
		unlink_free(next);
		size += size_of(next);
	}
	if (block->head & AFTER_FREE) {
		size_t before = ((size_t *)(void *)block)[-1];
		block = (struct block *)(void *)((char *)block - before);
		unlink_free(block);
		size += before;
	}
	mark_free(block, size);
	insert(block, &list);
}

static void put(struct block *block) {
	if (SORTED)
		put_sorted(block);
	else
		put_unsorted(block);
}

/* ---- taking ---- */

/* Where in a free block an aligned one of `size` bytes starts, as near to the end as can be; NULL: it does
 * not fit. What stays before it is nothing or a block of F1. */
static struct block *place(const struct block *block, size_t size, size_t align) {
	if (size_of(block) < size)
		return NULL;
	uintptr_t user = ((uintptr_t)after(block) - size + HEADER) & ~(align - 1);
	uintptr_t lowest = (uintptr_t)block + HEADER;
	if (user - lowest == BLOCK_MIN / 2)
		user -= align;
	return user >= lowest ? at(block, user - lowest) : NULL;
}

/* An eighth of what there is already, so that there are few; no more than needed when that is not to be had.
 */
static struct block *map_region(size_t needed) {
	needed = align_up(needed + 2 * HEADER, os_page_size());
	size_t size = max_size(needed, align_up(max_size(REGION_MIN, total / 8), os_page_size()));
	char *region = os_map_aligned(size, os_page_size());
	if (!region) {
		size = needed;
		region = os_map_aligned(size, os_page_size());
	}
	if (!region)
		return NULL;
	total += size;
	struct block *block = at(region, HEADER);
	at(region, size - HEADER)->head = USED;
	block->head = (size - 2 * HEADER) | USED;
	put(block);
	return block;
}

static struct block *find(size_t size, size_t align) {
	for (struct block *block = list.next; block != &list; block = block->next)
		if (place(block, size, align))
			return block;
	return map_region(size + align + BLOCK_MIN);
}

void *engine_take(size_t size, size_t align) {
	size = max_size(align_up(size + HEADER, QUANTUM), BLOCK_MIN);
	struct block *block = find(size, align);
	if (!block)
		return NULL;
	struct block *taken = place(block, size, align);
	size_t before = (size_t)((char *)taken - (char *)block), rest = size_of(block) - before;
	if (!before)
		unlink_free(block);
	mark_used(taken, rest, before != 0);
	if (before)
		mark_free(block, before);
	if (rest >= size + BLOCK_MIN) { /* alignment left a block's worth behind it */
		mark_used(taken, size, before != 0);
		mark_used(after(taken), rest - size, false);
		put(after(taken));
	}
	return (char *)taken + HEADER;
}

void engine_put(void *block) { put((struct block *)(void *)((char *)block - HEADER)); }

struct engine_block engine_at(const void *block) {
	size_t given = ((const size_t *)block)[-1] & ~(size_t)FLAGS;
	return (struct engine_block){.size = given - HEADER, .given = given};
}

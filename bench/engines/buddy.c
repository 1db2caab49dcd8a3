/* buddy.c: the practice allocator made whole: a pure binary buddy system down to 16 bytes, on src/back/buddy.c
 * itself.
 *
 * 1. A request is rounded up to a power of two and served from one of many 2 MB chunks, each a buddy tree of
 * its own: one bit per block, a circular list per order, the links inside the free blocks.
 * 2. No size header: one more bit per leaf says that a block starts there, and its end is the next start or the
 * next free leaf; its chunk is read off its address. Alignment is free: a block is aligned to its size.
 * 3. The chunks are in a circle. The search starts at the one that served last and goes round once; when none
 * can serve, a chunk is mapped. Of chunks wholly free one is kept.
 * 4. What is larger than a chunk gets a mapping of its own, aligned to a chunk like one.
 *
 * A chunk's record and bits lie just below its 2 MB-aligned space, so all of that space serves.
 */
#include "engine.h"

#include "buddy.h"
#include "ground/os.h"

enum { LEAF_SHIFT = 4, LEAVES = 1 << (CHUNK_SHIFT - LEAF_SHIFT) };
_Static_assert(1 << LEAF_SHIFT == QUANTUM && QUANTUM >= sizeof(struct buddy_link),
               "a free leaf holds its link");

struct chunk {
	struct buddy buddy;
	struct chunk *next, *prev;
	size_t mapped; /* bytes of a mapping that is one block; 0: a chunk of blocks */
	uint32_t bits[BUDDY_WORDS(LEAVES)];
	uint32_t starts[LEAVES / 32]; /* bit i: an allocated block starts at leaf i */
};
#define RECORD align_up(sizeof(struct chunk), 4096)

static struct chunk *last;  /* the chunk that served last; NULL: there are none */
static struct chunk *spare; /* a chunk that may be wholly free */

static char *base_of(struct chunk *chunk) { return (char *)chunk + RECORD; }
static struct chunk *chunk_of(const void *block) {
	return (struct chunk *)(((uintptr_t)block & ~(CHUNK_SIZE - 1)) - RECORD);
}
static uint32_t leaf_of(struct chunk *chunk, const void *block) {
	return (uint32_t)((size_t)((const char *)block - base_of(chunk)) >> LEAF_SHIFT);
}

/* ---- mappings ---- */

/* A record and above it `size` bytes aligned to `align`: too much is mapped, and what sticks out unmapped. */
static struct chunk *map_record(size_t size, size_t align) {
	size = align_up(size, os_page_size());
	size_t total = RECORD + size + align;
	char *raw = os_map_aligned(total, os_page_size());
	if (!raw)
		return NULL;
	size_t before = align_up((uintptr_t)raw + RECORD, align) - RECORD - (uintptr_t)raw;
	size_t after = total - before - RECORD - size;
	if (before)
		os_unmap(raw, before);
	if (after)
		os_unmap(raw + before + RECORD + size, after);
	return (struct chunk *)(void *)(raw + before);
}

static void *take_mapping(size_t size, size_t align) {
	struct chunk *chunk = map_record(size, max_size(align, CHUNK_SIZE));
	if (!chunk)
		return NULL;
	chunk->mapped = align_up(size, os_page_size());
	return base_of(chunk);
}

static struct chunk *map_chunk(void) {
	struct chunk *chunk = map_record(CHUNK_SIZE, CHUNK_SIZE);
	if (!chunk)
		return NULL;
	buddy_init(&chunk->buddy, LEAVES, chunk->bits, base_of(chunk), 1 << LEAF_SHIFT);
	chunk->next = last ? last->next : chunk;
	chunk->prev = last ? last : chunk;
	chunk->next->prev = chunk->prev->next = chunk;
	return chunk;
}

static bool is_empty(const struct chunk *chunk) {
	return buddy_largest(&chunk->buddy) == (int)chunk->buddy.height;
}

/* Unmaps a chunk that became wholly free, unless it is the only such one. */
static void drain(struct chunk *chunk) {
	if (!spare || spare == chunk || !is_empty(spare)) {
		spare = chunk;
		return;
	}
	chunk->prev->next = chunk->next;
	chunk->next->prev = chunk->prev;
	if (last == chunk)
		last = chunk->next;
	os_unmap(chunk, RECORD + CHUNK_SIZE);
}

/* ---- blocks ---- */

/* The leaves of the allocated block that starts at a leaf. */
static uint32_t length_of(const struct chunk *chunk, uint32_t leaf) {
	uint32_t end = buddy_next_free(&chunk->buddy, leaf), w = (leaf + 1) / 32;
	uint32_t starts = w < LEAVES / 32 ? chunk->starts[w] & ~0u << (leaf + 1) % 32 : 0;
	while (!starts && ++w < (end + 31) / 32)
		starts = chunk->starts[w];
	uint32_t next = starts ? w * 32 + (uint32_t)__builtin_ctz(starts) : LEAVES;
	return (next < end ? next : end) - leaf;
}

static void *take_from(struct chunk *chunk, unsigned order) {
	uint32_t leaf = buddy_take(&chunk->buddy, 1u << order, order); /* a power of two: nothing to trim */
	if (leaf == BUDDY_NONE)
		return NULL;
	last = chunk;
	chunk->starts[leaf / 32] |= 1u << leaf % 32;
	return base_of(chunk) + ((size_t)leaf << LEAF_SHIFT);
}

void *engine_take(size_t size, size_t align) {
	size = max_size(size, align);
	if (size > CHUNK_SIZE)
		return take_mapping(size, align);
	unsigned order = ceil_log2(max_size(size, QUANTUM)) - LEAF_SHIFT;
	struct chunk *chunk = last;
	while (chunk) {
		void *block = take_from(chunk, order);
		if (block)
			return block;
		chunk = chunk->next == last ? NULL : chunk->next;
	}
	chunk = map_chunk();
	return chunk ? take_from(chunk, order) : NULL;
}

void engine_put(void *block) {
	struct chunk *chunk = chunk_of(block);
	if (chunk->mapped) {
		os_unmap(chunk, RECORD + chunk->mapped);
		return;
	}
	uint32_t leaf = leaf_of(chunk, block);
	buddy_put(&chunk->buddy, leaf, length_of(chunk, leaf));
	chunk->starts[leaf / 32] &= ~(1u << leaf % 32);
	if (is_empty(chunk))
		drain(chunk);
}

struct engine_block engine_at(const void *block) {
	struct chunk *chunk = chunk_of(block);
	size_t size = chunk->mapped;
	if (!size)
		size = (size_t)length_of(chunk, leaf_of(chunk, block)) << LEAF_SHIFT;
	return (struct engine_block){.size = size, .given = size, .fresh = chunk->mapped != 0};
}

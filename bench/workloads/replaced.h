/*
 * replaced.h: a set of live blocks, of which one, drawn at random, is replaced in each round.
 *
 * 1. Sizes lie between two bounds, uniformly or by their logarithm.
 * 2. A block's stamp touches its first and its last eight bytes. With ENDS that is all: what counts
 *    is then what the allocator does to get the block, not what the kernel does to fill it.
 * 3. Each thread has blocks of its own.
 */
#ifndef BENCH_REPLACED_H
#define BENCH_REPLACED_H

#include "common.h"

enum replaced_pages {
	ENDS,
	TOUCHED, /* a byte in every page is written */
	CHECKED, /* and read again before the block is freed */
};

struct replaced {
	uint32_t live;
	uint32_t smallest, largest; /* bytes */
	bool logarithmic;
	enum replaced_pages pages;
	uint64_t rounds; /* at 100 % */
};

enum { REPLACED_PAGE = 4096, REPLACED_MARGIN = 64 /* beyond the stamps */ };

static inline void replaced_touch(const struct block *block) {
	char *bytes = block->memory;
	for (size_t at = REPLACED_MARGIN; at + REPLACED_MARGIN < block->size; at += REPLACED_PAGE)
		bytes[at] = (char)block->tag;
}

static inline void replaced_check(const struct block *block) {
	const char *bytes = block->memory;
	for (size_t at = REPLACED_MARGIN; at + REPLACED_MARGIN < block->size; at += REPLACED_PAGE) {
		if (bytes[at] != (char)block->tag)
			bench_fail("page %zu of a block of %u bytes lost its content", at / REPLACED_PAGE,
			           block->size);
	}
}

static inline struct block replaced_take(struct worker *worker, const struct replaced *shape, uint32_t tag) {
	uint32_t size = shape->logarithmic ? rng_log_between(&worker->rng, shape->smallest, shape->largest)
	                                   : rng_between(&worker->rng, shape->smallest, shape->largest);
	struct block block = block_take(size, tag);
	if (shape->pages != ENDS)
		replaced_touch(&block);
	return block;
}

static inline void replaced_put(const struct replaced *shape, struct block *block) {
	if (!block->memory)
		return;
	if (shape->pages == CHECKED)
		replaced_check(block);
	block_put(block);
}

static inline void replace_at_random(struct worker *worker, const struct replaced *shape) {
	struct block *live = (struct block *)bench_map(shape->live * sizeof *live);
	uint64_t rounds = bench_scaled(worker->bench, shape->rounds);
	for (uint64_t i = 0; i < rounds; i++) {
		struct block *slot = &live[rng_below(&worker->rng, shape->live)];
		replaced_put(shape, slot);
		*slot = replaced_take(worker, shape, (uint32_t)i);
	}
	for (uint32_t i = 0; i < shape->live; i++)
		replaced_put(shape, &live[i]);
	worker->operations = 2 * rounds;
}

#endif

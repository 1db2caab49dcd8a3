/*
 * replaced.h: a set of live blocks, of which one, drawn at random, is replaced in each round.
 *
 * 1. Sizes are uniform between two bounds. Only the first and the last eight bytes of a block are
 *    touched, by its stamp: what counts is what the allocator does to get the block, not what the
 *    kernel does to fill it.
 * 2. Each thread has blocks of its own.
 */
#ifndef BENCH_REPLACED_H
#define BENCH_REPLACED_H

#include "common.h"

struct replaced {
	uint32_t live;
	uint32_t smallest, largest; /* bytes */
	uint64_t rounds;            /* at 100 % */
};

static inline void replace_at_random(struct worker *worker, const struct replaced *shape) {
	struct block *live = (struct block *)bench_map(shape->live * sizeof *live);
	uint64_t rounds = bench_scaled(worker->bench, shape->rounds);
	for (uint64_t i = 0; i < rounds; i++) {
		struct block *slot = &live[rng_below(&worker->rng, shape->live)];
		if (slot->memory)
			block_put(slot);
		*slot = block_take(rng_between(&worker->rng, shape->smallest, shape->largest), (uint32_t)i);
	}
	for (uint32_t i = 0; i < shape->live; i++) {
		if (live[i].memory)
			block_put(&live[i]);
	}
	worker->operations = 2 * rounds;
}

#endif

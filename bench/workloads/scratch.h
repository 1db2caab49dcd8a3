/*
 * scratch.h: the inner loop of cache_scratch and cache_thrash: writes to one small block, many times.
 *
 * If two threads' blocks lie in one cache line, every write takes the line from the other thread's
 * processor, and the loop runs many times slower: false sharing.
 */
#ifndef BENCH_SCRATCH_H
#define BENCH_SCRATCH_H

#include "common.h"

enum { SCRATCH_SIZE = 8, SCRATCH_ROUNDS = 60000, SCRATCH_WRITES = 4000 };

/* Counts every byte up SCRATCH_WRITES times, then frees the block. */
static inline void scratch_use(volatile unsigned char *bytes) {
	for (unsigned at = 0; at < SCRATCH_SIZE; at++)
		bytes[at] = (unsigned char)at;
	for (unsigned i = 0; i < SCRATCH_WRITES; i++) {
		for (unsigned at = 0; at < SCRATCH_SIZE; at++)
			bytes[at]++;
	}
	for (unsigned at = 0; at < SCRATCH_SIZE; at++) {
		if (bytes[at] != (unsigned char)(at + SCRATCH_WRITES))
			bench_fail("byte %u of a block was written by another thread", at);
	}
	free((void *)bytes);
}

/* Each round's block is fresh from malloc. */
static inline void scratch_rounds(struct worker *worker) {
	uint64_t rounds = bench_scaled(worker->bench, SCRATCH_ROUNDS);
	for (uint64_t i = 0; i < rounds; i++)
		scratch_use(must_malloc(SCRATCH_SIZE));
	worker->operations += 2 * rounds;
}

#endif

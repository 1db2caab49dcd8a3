/*
 * large_mixed.c: blocks of 5 to 25 MB, LIVE of them at a time, replaced at random; every page is
 * touched.
 */
#include "common.h"

enum { LIVE = 20, BLOCKS = 300, MB = 1 << 20, PAGE = 4096 };

static void touch(struct block *block) {
	char *bytes = block->memory;
	for (size_t at = 64; at + 64 < block->size; at += PAGE)
		bytes[at] = (char)block->tag;
}

static void work(struct worker *worker) {
	struct block live[LIVE] = {0};
	uint64_t blocks = bench_scaled(worker->bench, BLOCKS);
	for (uint64_t i = 0; i < blocks; i++) {
		struct block *slot = &live[rng_below(&worker->rng, LIVE)];
		if (slot->memory)
			block_put(slot);
		*slot = block_take(rng_between(&worker->rng, 5 * MB, 25 * MB), (uint32_t)i);
		touch(slot);
	}
	for (unsigned i = 0; i < LIVE; i++) {
		if (live[i].memory)
			block_put(&live[i]);
	}
	worker->operations = 2 * blocks;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "large_mixed",
	        .describe = "20 live blocks of 5 to 25 MB replaced at random, every page touched (after the "
	                    "description of mimalloc-bench's malloc-large)",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

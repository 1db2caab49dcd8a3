/*
 * batches.c: batches of one size taken and freed in the order of a stack, size by size from 16 to
 * 1024 bytes.
 */
#include "common.h"

enum { BATCH = 1000, SIZES = 7, SMALLEST = 16, ROUNDS = 8000 };

static void work(struct worker *worker) {
	struct block *blocks = bench_map(BATCH * sizeof *blocks);
	uint64_t rounds = bench_scaled(worker->bench, ROUNDS);
	for (uint64_t round = 0; round < rounds; round++) {
		uint32_t size = (uint32_t)SMALLEST << round % SIZES;
		for (uint32_t i = 0; i < BATCH; i++)
			blocks[i] = block_take(size, i);
		for (uint32_t i = BATCH; i > 0; i--)
			block_put(&blocks[i - 1]);
	}
	worker->operations = 2 * rounds * BATCH;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "batches",
	        .describe = "batches of a thousand blocks of one size, 16 to 1024 bytes, freed in reverse: a "
	                    "recursion, a list that is built and dropped",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

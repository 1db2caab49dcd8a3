/*
 * realloc_double.c: one block that grows by doubling from 16 bytes to 4 MB, again and again.
 *
 * After each realloc the first and the last eight bytes are checked and written: what lies between
 * is the allocator's to move or not. A realloc counts as one operation, like a malloc or a free.
 */
#include "common.h"

enum { SMALLEST = 16, LARGEST = 4 << 20, ROUNDS = 2000 };

static void work(struct worker *worker) {
	uint64_t rounds = bench_scaled(worker->bench, ROUNDS);
	for (uint64_t i = 0; i < rounds; i++) {
		struct block block = block_take(SMALLEST, (uint32_t)i);
		for (; block.size < LARGEST; worker->operations++)
			block_resize(&block, 2 * block.size);
		block_put(&block);
		worker->operations += 2;
	}
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "realloc_double",
	        .describe = "one block that grows by doubling from 16 bytes to 4 MB, its last bytes touched "
	                    "each time: vectors and buffers",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

/*
 * realloc_step.c: one block that grows by 24 bytes up to 480 KB, again and again.
 *
 * After each realloc the first and the last eight bytes are checked and written. A realloc counts
 * as one operation, like a malloc or a free.
 */
#include "common.h"

enum { STEP = 24, LARGEST = 480 << 10, ROUNDS = 1000 };

static void work(struct worker *worker) {
	uint64_t rounds = bench_scaled(worker->bench, ROUNDS);
	for (uint64_t i = 0; i < rounds; i++) {
		struct block block = block_take(STEP, (uint32_t)i);
		for (; block.size < LARGEST; worker->operations++)
			block_resize(&block, block.size + STEP);
		block_put(&block);
		worker->operations += 2;
	}
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "realloc_step",
	        .describe = "one block that grows by 24 bytes up to 480 KB: a list or a text to which "
	                    "elements are appended one by one",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

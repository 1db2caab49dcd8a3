/*
 * mallocstress.c: 60 threads that each take a block, fill it, double it and free it, in sizes that
 * grow.
 *
 * 1. Written after a description of the Linux Test Project's test of that name, not after its
 *    source.
 * 2. A loop goes through the powers of two from 16 bytes to 4 MB; --scale changes the number of
 *    loops.
 * 3. cpu_seconds is the result: with far more threads than processors, seconds tells more of the
 *    machine.
 */
#include "common.h"

enum { THREADS = 60, LOOPS = 100, SMALLEST = 16, LARGEST = 4 << 20 };

static void work(struct worker *worker) {
	uint64_t loops = bench_scaled(worker->bench, LOOPS);
	for (uint64_t i = 0; i < loops; i++) {
		for (uint32_t size = SMALLEST; size <= LARGEST; size *= 2) {
			struct block block = block_take(size, (uint32_t)i);
			memset((char *)block.memory + 8, 0xa5, size - 16);
			block_resize(&block, 2 * size);
			block_put(&block);
			worker->operations += 3;
		}
	}
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "mallocstress",
	        .describe =
	                "60 threads that take, fill, double and free blocks of growing sizes, 16 bytes to "
	                "8 MB (after the description of the Linux Test Project's mallocstress)",
	        .threads = THREADS,
	        .note = "cpu_seconds is the result: some 5 to 20 at 100 %.",
	};
	return bench_main(&self, argc, argv, work);
}

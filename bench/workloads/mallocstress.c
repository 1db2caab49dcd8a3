/*
 * mallocstress.c: 60 threads that each take a block, fill it, make it longer and free it, in sizes
 * that grow.
 *
 * 1. Written after a description of the Linux Test Project's test of that name, not its source.
 * 2. In a loop sizes grow by half from 16 bytes to 12 MB, and each block is made longer by half.
 *    --scale changes the number of loops.
 * 3. cpu_seconds is the result: with far more threads than processors, seconds tells more of the
 *    machine.
 */
#include "common.h"

enum { THREADS = 60, LOOPS = 100, SMALLEST = 16, LARGEST = 12 << 20 };

static void work(struct worker *worker) {
	uint64_t loops = bench_scaled(worker->bench, LOOPS);
	for (uint64_t i = 0; i < loops; i++) {
		for (uint32_t size = SMALLEST; size < LARGEST; size += size / 2) {
			struct block block = block_take(size, (uint32_t)i);
			memset((char *)block.memory + 8, 0xa5, size - 16);
			block_resize(&block, size + size / 2);
			block_put(&block);
			worker->operations += 3;
		}
	}
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "mallocstress",
	        .describe = "60 threads that take, fill, lengthen and free blocks of growing sizes up to 18 "
	                    "MB (after the description of the Linux Test Project's mallocstress)",
	        .threads = THREADS,
	        .note = "cpu_seconds is the result: some 15 to 45 at 100 %.",
	};
	return bench_main(&self, argc, argv, work);
}

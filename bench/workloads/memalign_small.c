/*
 * memalign_small.c: posix_memalign of 64 to 576 bytes at alignments of 64 to 512, LIVE blocks at a
 * time.
 */
#include "common.h"

enum { LIVE = 256, BLOCKS = 10000000, SMALLEST = 64, LARGEST = 576, ALIGNMENTS = 4 };

static struct block take_aligned(struct rng *rng, uint32_t tag) {
	size_t alignment = (size_t)64 << rng_below(rng, ALIGNMENTS);
	uint32_t size = rng_between(rng, SMALLEST, LARGEST);
	void *memory = NULL;
	if (posix_memalign(&memory, alignment, size) || !memory || (uintptr_t)memory % alignment)
		bench_fail("posix_memalign(%zu, %u) gave %p", alignment, size, memory);
	return block_make(memory, size, tag);
}

static void work(struct worker *worker) {
	struct block live[LIVE] = {0};
	uint64_t blocks = bench_scaled(worker->bench, BLOCKS);
	for (uint64_t i = 0; i < blocks; i++) {
		struct block *slot = &live[i % LIVE];
		if (slot->memory)
			block_put(slot);
		*slot = take_aligned(&worker->rng, (uint32_t)i);
	}
	for (unsigned i = 0; i < LIVE; i++) {
		if (live[i].memory)
			block_put(&live[i]);
	}
	worker->operations = 2 * blocks;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "memalign_small",
	        .describe = "posix_memalign of 64 to 576 bytes at alignments of 64 to 512: vectors of "
	                    "numeric code, aligned objects of C++",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

/*
 * calloc.c: zeroed blocks of all sizes, each read in full, dirtied in full, and freed when its turn comes.
 */
#include "common.h"

enum { LIVE = 256, BLOCKS = 600000, SMALLEST = 1, LARGEST = 256 << 10 };

static void check_zero(const unsigned char *bytes, size_t size) {
	if (bytes[0] || memcmp(bytes, bytes + 1, size - 1))
		bench_fail("a block of %zu bytes from calloc is not zero", size);
}

static void work(struct worker *worker) {
	struct block live[LIVE] = {0};
	uint64_t blocks = bench_scaled(worker->bench, BLOCKS);
	for (uint64_t i = 0; i < blocks; i++) {
		struct block *slot = &live[rng_below(&worker->rng, LIVE)];
		if (slot->memory)
			block_put(slot);
		uint32_t size = rng_log_between(&worker->rng, SMALLEST, LARGEST);
		uint32_t element = size % 4 ? 1 : 4;
		void *memory = must_have(calloc(size / element, element), size);
		check_zero(memory, size);
		memset(memory, 0xa5, size);
		*slot = block_make(memory, size, (uint32_t)i);
	}
	for (unsigned i = 0; i < LIVE; i++) {
		if (live[i].memory)
			block_put(&live[i]);
	}
	worker->operations = 2 * blocks;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "calloc",
	        .describe = "zeroed blocks of 1 byte to 256 KB, verified, dirtied and freed, as tables and "
	                    "records of C programs",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

/*
 * big.c: blocks of 1 to 64 MB, allocated, touched page by page, freed; at most LIVE of them at a time.
 */
#include "common.h"

enum { LIVE = 4, BLOCKS = 300, MB = 1 << 20 };

static void touch(struct block *block) {
	char *bytes = block->memory;
	for (size_t at = 64; at + 64 < block->size; at += 4096)
		bytes[at] = (char)block->tag;
}

static void check_and_put(struct block *block) {
	const char *bytes = block->memory;
	for (size_t at = 64; at + 64 < block->size; at += 4096) {
		if (bytes[at] != (char)block->tag)
			bench_fail("page %zu of a block of %u bytes lost its content", at / 4096,
			           block->size);
	}
	block_put(block);
}

static void work(struct worker *worker) {
	struct block live[LIVE] = {0};
	uint64_t blocks = bench_scaled(worker->bench, BLOCKS);
	for (uint64_t i = 0; i < blocks; i++) {
		struct block *slot = &live[rng_below(&worker->rng, LIVE)];
		if (slot->memory)
			check_and_put(slot);
		*slot = block_take(rng_log_between(&worker->rng, MB, 64 * MB), (uint32_t)i);
		touch(slot);
	}
	for (unsigned i = 0; i < LIVE; i++) {
		if (live[i].memory)
			check_and_put(&live[i]);
	}
	worker->operations = 2 * blocks;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "big",
	        .describe = "blocks of 1 to 64 MB allocated, touched and freed, as image and matrix programs "
	                    "do",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

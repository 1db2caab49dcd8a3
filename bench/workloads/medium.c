/*
 * medium.c: buffers of 16 to 512 KB, LIVE of them at a time, replaced at random; every page is touched.
 */
#include "common.h"

enum { LIVE = 32, BUFFERS = 300000, KB = 1024 };

static void touch(struct block *block) {
	char *bytes = block->memory;
	for (size_t at = 64; at + 64 < block->size; at += 4096)
		bytes[at] = (char)block->tag;
}

static void work(struct worker *worker) {
	struct block live[LIVE] = {0};
	uint64_t buffers = bench_scaled(worker->bench, BUFFERS);
	for (uint64_t i = 0; i < buffers; i++) {
		struct block *slot = &live[rng_below(&worker->rng, LIVE)];
		if (slot->memory)
			block_put(slot);
		*slot = block_take(rng_log_between(&worker->rng, 16 * KB, 512 * KB), (uint32_t)i);
		touch(slot);
	}
	for (unsigned i = 0; i < LIVE; i++) {
		if (live[i].memory)
			block_put(&live[i]);
	}
	worker->operations = 2 * buffers;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "medium",
	        .describe = "several live buffers of 16 to 512 KB, replaced at random, as compressors, "
	                    "codecs and databases do",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

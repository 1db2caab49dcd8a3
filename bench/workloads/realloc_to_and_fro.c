/*
 * realloc_to_and_fro.c: one block that grows to 1400 KB and shrinks to 1000 KB, again and again;
 * all of it is in use.
 *
 * A larger block is freed first, as in a program that has run for a while: glibc then serves such
 * sizes from its heap. Each page that the block has gained is touched.
 */
#include "common.h"

enum { KB = 1024, SMALL = 1000 * KB, LARGE = 1400 * KB, ROUNDS = 20000, PAGE = 4096 };

static void touch(struct block *block, uint32_t from) {
	char *bytes = block->memory;
	for (uint32_t at = from; at < block->size - 16; at += PAGE)
		bytes[at] = (char)at;
}

static void work(struct worker *worker) {
	uint64_t rounds = bench_scaled(worker->bench, ROUNDS);
	free(must_malloc(2 * LARGE));
	struct block block = block_take(SMALL, 1);
	touch(&block, 16);
	for (uint64_t i = 0; i < rounds; i++) {
		block_resize(&block, LARGE);
		touch(&block, SMALL);
		block_resize(&block, SMALL);
	}
	block_put(&block);
	worker->operations = 2 * rounds + 4;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "realloc_to_and_fro",
	        .describe =
	                "one block that grows to 1400 KB and shrinks to 1000 KB, again and again: buffers "
	                "that follow their content",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

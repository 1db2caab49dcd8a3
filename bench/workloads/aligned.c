/*
 * aligned.c: posix_memalign of mixed alignments and sizes among ordinary blocks.
 *
 * Small alignments are common and large ones rare: each is half as likely as the one before it, from 16
 * bytes to 64 KB.
 */
#include "common.h"

enum { LIVE = 4096, BLOCKS = 8000000, DOUBLINGS = 13 };

static size_t draw_alignment(struct rng *rng) {
	unsigned doublings = (unsigned)__builtin_ctz(rng_next(rng) | 1u << (DOUBLINGS - 1));
	return (size_t)16 << doublings;
}

static struct block take_aligned(struct rng *rng, uint32_t tag) {
	size_t alignment = draw_alignment(rng);
	uint32_t size = rng_log_between(rng, 8, 4096);
	void *memory = NULL;
	if (posix_memalign(&memory, alignment, size))
		bench_fail("posix_memalign(%zu, %u) was refused", alignment, size);
	if (!memory || (uintptr_t)memory % alignment)
		bench_fail("%p is not aligned to %zu (size %u)", memory, alignment, size);
	return block_make(memory, size, tag);
}

static void work(struct worker *worker) {
	struct block *live = bench_map(LIVE * sizeof *live);
	uint64_t blocks = bench_scaled(worker->bench, BLOCKS);
	for (uint64_t i = 0; i < blocks; i++) {
		struct block *slot = &live[rng_below(&worker->rng, LIVE)];
		if (slot->memory)
			block_put(slot);
		*slot = i % 4 ? take_aligned(&worker->rng, (uint32_t)i)
		              : block_take(rng_log_between(&worker->rng, 8, 4096), (uint32_t)i);
	}
	for (unsigned i = 0; i < LIVE; i++) {
		if (live[i].memory)
			block_put(&live[i]);
	}
	worker->operations = 2 * blocks;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "aligned",
	        .describe = "posix_memalign of mixed alignments and sizes, as numeric and graphics code and "
	                    "aligned operator new do",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

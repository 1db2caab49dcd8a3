/*
 * mixed_survivors.c: 400,000 blocks of 16 to 1024 bytes, of which nine in ten, drawn at random, are
 * freed.
 *
 * 1. The result is final_rss_kb, after 1 s without any call. The survivors are a tenth of what was
 *    there, but nearly every page holds one.
 * 2. --scale changes the number of blocks and the idle time.
 */
#include "common.h"

enum { BLOCKS = 400000, SMALLEST = 16, LARGEST = 1024, ONE_IN = 10 };

struct population {
	struct block *blocks;
	uint64_t count;
};

static void work(struct worker *worker) {
	struct population *all = worker->shared;
	uint64_t freed = 0;
	for (uint64_t i = 0; i < all->count; i++)
		all->blocks[i] = block_take(rng_between(&worker->rng, SMALLEST, LARGEST), (uint32_t)i);
	for (uint64_t i = 0; i < all->count; i++) {
		if (rng_below(&worker->rng, ONE_IN) == 0)
			continue;
		block_put(&all->blocks[i]);
		freed++;
	}
	worker->operations = all->count + freed;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "mixed_survivors",
	        .describe = "400 000 blocks of 16 to 1024 bytes, nine in ten freed at random, then 1 s "
	                    "without a call: what stays resident",
	        .threads = 1,
	        .note = "final_rss_kb is taken while the survivors live; --threads changes nothing.",
	};
	struct bench bench = bench_parse(&self, argc, argv);
	struct population all = {.count = bench_scaled(&bench, BLOCKS)};
	all.blocks = bench_map(all.count * sizeof *all.blocks);
	struct report report = bench_run(&bench, 1, work, &all);
	report.final_rss_kb = bench_idle(&bench);
	for (uint64_t i = 0; i < all.count; i++) {
		if (all.blocks[i].memory)
			block_put(&all.blocks[i]);
	}
	bench_print(&bench, &report);
	return 0;
}

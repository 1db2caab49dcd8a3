/*
 * churn.h: small and medium memory that comes and goes in phases, for the workloads under which the
 * kernel refuses to take pages back.
 *
 * 1. In each phase so many megabytes are taken, half of them in blocks of 16 to 1024 bytes, half in
 *    blocks of 16 to 256 KB; nine in ten blocks, drawn at random, are freed, then the others too.
 *    The last is small.
 * 2. final_rss_kb is taken when all is freed.
 * 3. --scale changes the number of phases and the idle time.
 */
#ifndef BENCH_CHURN_H
#define BENCH_CHURN_H

#include "common.h"

enum { CHURN_PHASES = 8, CHURN_BYTES = 96 << 20, CHURN_LAST_BYTES = 1 << 20, CHURN_MAX = 200000 };

struct churn {
	struct block *blocks;
	uint32_t count;
};

static inline void churn_fill(struct worker *worker, struct churn *churn, uint64_t bytes) {
	uint64_t small = 0, medium = 0;
	for (churn->count = 0; small + medium < bytes && churn->count < CHURN_MAX; churn->count++) {
		struct block *block = &churn->blocks[churn->count];
		bool is_small = small <= medium;
		uint32_t size = is_small ? rng_between(&worker->rng, 16, 1024)
		                         : rng_between(&worker->rng, 16 << 10, 256 << 10);
		*(is_small ? &small : &medium) += size;
		*block = block_take(size, churn->count);
		if (!is_small)
			memset((char *)block->memory + 8, 1, size - 16);
	}
	worker->operations += churn->count;
}

/* Frees so many in a hundred of those that are left. */
static inline void churn_drop(struct worker *worker, struct churn *churn, uint32_t percent) {
	for (uint32_t i = 0; i < churn->count; i++) {
		if (!churn->blocks[i].memory || rng_below(&worker->rng, 100) >= percent)
			continue;
		block_put(&churn->blocks[i]);
		worker->operations++;
	}
}

static inline void churn_work(struct worker *worker) {
	struct churn churn = {.blocks = (struct block *)bench_map(CHURN_MAX * sizeof *churn.blocks)};
	uint64_t phases = bench_scaled(worker->bench, CHURN_PHASES);
	for (uint64_t i = 0; i <= phases; i++) {
		churn_fill(worker, &churn, i < phases ? CHURN_BYTES : CHURN_LAST_BYTES);
		churn_drop(worker, &churn, 90);
		churn_drop(worker, &churn, 100);
	}
	munmap(churn.blocks, CHURN_MAX * sizeof *churn.blocks);
}

/* The main of such a workload. `refuse` makes the kernel refuse, and says whether it could; with --try
 * that is all, and the exit status is 3 if it could not. */
static inline int churn_main(const struct workload *self, int argc, char **argv, bool (*refuse)(void)) {
	struct bench bench = bench_parse(self, argc, argv);
	if (!refuse()) {
		fprintf(stderr, "%s: this system does not allow it\n", self->name);
		return 3;
	}
	if (bench.option)
		return 0;
	struct report report = bench_run(&bench, 1, churn_work, NULL);
	report.final_rss_kb = bench_idle(&bench);
	bench_print(&bench, &report);
	return 0;
}

#endif

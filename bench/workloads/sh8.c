/*
 * sh8.c: mixed sizes, blocks exchanged between threads.
 *
 * Every thread replaces random blocks of its own pool. Every fourth new block is laid on a table shared by
 * all, and the one that lay there, mostly another thread's, is taken into the pool in its place.
 */
#include "common.h"

#include <stdatomic.h>

enum { POOL = 4096, TABLE = 1024, REPLACEMENTS = 15000000 };

static _Atomic(struct parcel *) table[TABLE];

/* Six in ten up to 128 bytes, three up to 1 KB, the rest up to 8 KB and, one in a hundred, 64 KB. */
static uint32_t draw_size(struct rng *rng) {
	uint32_t percent = rng_below(rng, 100);
	if (percent < 60)
		return rng_between(rng, PARCEL_MIN, 128);
	if (percent < 90)
		return rng_between(rng, 129, 1024);
	return percent < 99 ? rng_between(rng, 1025, 8192) : rng_between(rng, 8193, 65536);
}

static void work(struct worker *worker) {
	struct parcel **pool = bench_map(POOL * sizeof *pool);
	uint64_t replacements = bench_scaled(worker->bench, REPLACEMENTS), puts_done = 0;
	for (uint64_t i = 0; i < replacements; i++) {
		struct parcel **slot = &pool[rng_below(&worker->rng, POOL)];
		if (*slot) {
			parcel_put(*slot);
			puts_done++;
		}
		*slot = parcel_take(draw_size(&worker->rng), (uint32_t)i);
		if (i % 4 == 0)
			*slot = atomic_exchange(&table[rng_below(&worker->rng, TABLE)], *slot);
	}
	for (unsigned i = 0; i < POOL; i++) {
		if (pool[i]) {
			parcel_put(pool[i]);
			puts_done++;
		}
	}
	worker->operations = replacements + puts_done;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "sh8",
	        .describe = "mixed sizes, blocks exchanged between threads (after MicroQuill's SmartHeap "
	                    "test sh8bench)",
	        .threads = 1,
	};
	struct bench bench = bench_parse(&self, argc, argv);
	struct report report = bench_run(&bench, bench.threads, work, NULL);
	for (unsigned i = 0; i < TABLE; i++) {
		if (table[i])
			parcel_put(table[i]);
	}
	bench_print(&bench, &report);
	return 0;
}

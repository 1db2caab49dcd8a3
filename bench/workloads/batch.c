/*
 * batch.c: a batch of blocks is allocated, then freed in one of three orders.
 *
 * First in first out, last in first out, or shuffled: the same blocks, the same sizes; the difference is
 * what the order does to the allocator's free lists and to the cache.
 */
#include "common.h"

enum order { FIFO, LIFO, SHUFFLED, ORDERS };
enum { BATCH = 50000, ROUNDS = 80, SMALLEST = 16, LARGEST = 256 };

static const char *const names[ORDERS] = {"fifo", "lifo", "shuffled"};

static void shuffle(struct rng *rng, uint32_t *order) {
	for (uint32_t i = BATCH - 1; i; i--) {
		uint32_t other = rng_below(rng, i + 1), swapped = order[i];
		order[i] = order[other];
		order[other] = swapped;
	}
}

static void work(struct worker *worker) {
	const enum order *how = worker->shared;
	struct block *blocks = bench_map(BATCH * sizeof *blocks);
	uint32_t *order = bench_map(BATCH * sizeof *order);
	uint64_t rounds = bench_scaled(worker->bench, ROUNDS);
	for (uint32_t i = 0; i < BATCH; i++)
		order[i] = *how == LIFO ? BATCH - 1 - i : i;
	if (*how == SHUFFLED)
		shuffle(&worker->rng, order);
	for (uint64_t round = 0; round < rounds; round++) {
		for (uint32_t i = 0; i < BATCH; i++)
			blocks[i] = block_take(rng_between(&worker->rng, SMALLEST, LARGEST),
			                       (uint32_t)round * BATCH + i);
		for (uint32_t i = 0; i < BATCH; i++)
			block_put(&blocks[order[i]]);
	}
	worker->operations = 2 * rounds * BATCH;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "batch",
	        .describe = "batches of 50 000 small blocks freed in allocation order, in reverse, or "
	                    "shuffled: the three orders allocators are tuned for",
	        .threads = 1,
	        .option = "--order",
	        .values = "fifo|lifo|shuffled",
	        .note = "Without --order all three are run in turn; ns is nanoseconds per malloc or free.",
	};
	struct bench bench = bench_parse(&self, argc, argv);
	struct report report = {0};
	char extra[128] = "\"ns\":{";
	for (enum order order = 0; order < ORDERS; order++) {
		if (bench.option && strcmp(bench.option, names[order]))
			continue;
		struct report one = bench_run(&bench, bench.threads, work, &order);
		size_t length = strlen(extra);
		snprintf(extra + length, sizeof extra - length, "%s\"%s\":%.2f", report.operations ? "," : "",
		         names[order], one.seconds * 1e9 / (double)one.operations);
		report.operations += one.operations;
		report.seconds += one.seconds;
		report.cpu_seconds += one.cpu_seconds;
	}
	strcat(extra, "}");
	report.extra = extra;
	bench_print(&bench, &report);
	return 0;
}

/*
 * idle_threads.c: 64 threads that each hold three small blocks and wait: what does a thread cost?
 *
 * The result is peak_rss_kb. Nothing here takes long, and --scale changes nothing.
 */
#include "common.h"

enum { THREADS = 64, HELD = 3 };

static void work(struct worker *worker) {
	static const uint32_t sizes[HELD] = {16, 100, 1000};
	pthread_barrier_t *all_hold = worker->shared;
	struct block blocks[HELD];
	for (uint32_t i = 0; i < HELD; i++)
		blocks[i] = block_take(sizes[i], worker->index * HELD + i);
	pthread_barrier_wait(all_hold);
	for (uint32_t i = 0; i < HELD; i++)
		block_put(&blocks[i]);
	worker->operations = 2 * HELD;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "idle_threads",
	        .describe = "64 threads that each hold three small blocks: resident size of an idle thread "
	                    "pool",
	        .threads = THREADS,
	        .note = "--threads N starts N of them; --scale changes nothing.",
	};
	struct bench bench = bench_parse(&self, argc, argv);
	pthread_barrier_t all_hold;
	pthread_barrier_init(&all_hold, NULL, bench.threads);
	struct report report = bench_run(&bench, bench.threads, work, &all_hold);
	bench_print(&bench, &report);
	return 0;
}

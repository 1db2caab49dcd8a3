/*
 * random_threads.c: threads, each of which replaces blocks of random sizes of its own.
 */
#include "replaced.h"

static void work(struct worker *worker) {
	static const struct replaced shape = {
	        .live = 1000, .smallest = 16, .largest = 1000, .rounds = 10000000};
	replace_at_random(worker, &shape);
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "random_threads",
	        .describe = "two threads, each replacing its own 1000 blocks of random sizes",
	        .threads = 2,
	};
	return bench_main(&self, argc, argv, work);
}

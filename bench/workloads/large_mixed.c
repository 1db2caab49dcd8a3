/*
 * large_mixed.c: blocks of 5 to 25 MB, 20 of them at a time, replaced at random; every page is
 * touched.
 */
#include "replaced.h"

enum { MB = 1 << 20 };

static void work(struct worker *worker) {
	static const struct replaced shape = {
	        .live = 20, .smallest = 5 * MB, .largest = 25 * MB, .pages = TOUCHED, .rounds = 300};
	replace_at_random(worker, &shape);
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "large_mixed",
	        .describe = "20 live blocks of 5 to 25 MB replaced at random, every page touched (after the "
	                    "description of mimalloc-bench's malloc-large)",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

/*
 * medium_replaced.c: 64 live blocks of 16 to 512 KB, replaced at random; first and last bytes
 * touched.
 */
#include "replaced.h"

enum { KB = 1024 };

static void work(struct worker *worker) {
	static const struct replaced shape = {
	        .live = 64, .smallest = 16 * KB, .largest = 512 * KB, .rounds = 1000000};
	replace_at_random(worker, &shape);
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "medium_replaced",
	        .describe = "64 live blocks of 16 to 512 KB replaced at random, first and last bytes touched",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

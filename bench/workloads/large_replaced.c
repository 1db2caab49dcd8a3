/*
 * large_replaced.c: eight live blocks of 1 to 16 MB, replaced at random; first and last bytes
 * touched.
 */
#include "replaced.h"

enum { MB = 1 << 20 };

static void work(struct worker *worker) {
	static const struct replaced shape = {.live = 8, .smallest = MB, .largest = 16 * MB, .rounds = 20000};
	replace_at_random(worker, &shape);
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "large_replaced",
	        .describe = "eight live blocks of 1 to 16 MB replaced at random, first and last bytes "
	                    "touched, as image and matrix programs do with their buffers",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

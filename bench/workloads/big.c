/*
 * big.c: blocks of 1 to 64 MB, allocated, touched page by page, freed; at most four of them at a
 * time.
 */
#include "replaced.h"

enum { MB = 1 << 20 };

static void work(struct worker *worker) {
	static const struct replaced shape = {.live = 4,
	                                      .smallest = MB,
	                                      .largest = 64 * MB,
	                                      .logarithmic = true,
	                                      .pages = CHECKED,
	                                      .rounds = 300};
	replace_at_random(worker, &shape);
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "big",
	        .describe = "blocks of 1 to 64 MB allocated, touched and freed, as image and matrix programs "
	                    "do",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

/*
 * medium.c: buffers of 16 to 512 KB, 32 of them at a time, replaced at random; every page is
 * touched.
 */
#include "replaced.h"

enum { KB = 1024 };

static void work(struct worker *worker) {
	static const struct replaced shape = {.live = 32,
	                                      .smallest = 16 * KB,
	                                      .largest = 512 * KB,
	                                      .logarithmic = true,
	                                      .pages = TOUCHED,
	                                      .rounds = 300000};
	replace_at_random(worker, &shape);
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "medium",
	        .describe = "several live buffers of 16 to 512 KB, replaced at random, as compressors, "
	                    "codecs and databases do",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

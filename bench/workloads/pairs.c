/*
 * pairs.c: nanoseconds of a malloc with its free, size by size.
 *
 * Each size is measured CHUNKS times; the best is reported, so that a disturbance by other programs does not
 * count. With several threads it is the mean of their bests.
 */
#include "common.h"

enum { SIZES = 14, CHUNKS = 8, PAIRS = 800000 };

struct times {
	double ns[SIZES];
};

static uint32_t size_of(unsigned index) { return 8u << index; }

static double time_pairs(uint32_t size, uint64_t pairs) {
	uint64_t sum = 0, began = clock_ns(CLOCK_MONOTONIC);
	for (uint64_t i = 0; i < pairs; i++) {
		volatile unsigned char *bytes = must_malloc(size);
		*bytes = (unsigned char)(i & 1);
		sum += *bytes;
		free((void *)bytes);
	}
	uint64_t passed = clock_ns(CLOCK_MONOTONIC) - began;
	if (sum != pairs / 2)
		bench_fail("a block of %u bytes does not keep its content", size);
	return (double)passed / (double)pairs;
}

static void work(struct worker *worker) {
	struct times *times = (struct times *)worker->shared + worker->index;
	uint64_t pairs = bench_scaled(worker->bench, PAIRS);
	for (unsigned i = 0; i < SIZES; i++) {
		for (unsigned chunk = 0; chunk < CHUNKS; chunk++) {
			double ns = time_pairs(size_of(i), pairs);
			times->ns[i] = chunk == 0 || ns < times->ns[i] ? ns : times->ns[i];
		}
	}
	worker->operations = 2 * SIZES * CHUNKS * pairs;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "pairs",
	        .describe = "a malloc and its free at once, of 8 bytes to 64 KB: nanoseconds per pair and "
	                    "size, the allocator's fast path",
	        .threads = 1,
	};
	struct bench bench = bench_parse(&self, argc, argv);
	struct times *times = bench_map(bench.threads * sizeof *times);
	struct report report = bench_run(&bench, bench.threads, work, times);
	char extra[SIZES * 24 + 32] = "\"ns_per_pair\":{";
	for (unsigned i = 0; i < SIZES; i++) {
		double sum = 0;
		for (unsigned thread = 0; thread < bench.threads; thread++)
			sum += times[thread].ns[i];
		size_t length = strlen(extra);
		snprintf(extra + length, sizeof extra - length, "%s\"%u\":%.2f", i ? "," : "", size_of(i),
		         sum / bench.threads);
	}
	strcat(extra, "}");
	report.extra = extra;
	bench_print(&bench, &report);
	return 0;
}

/*
 * calloc_large.c: 1 GB by malloc, untouched, freed; then 1 GB by calloc, of which two bytes are
 * read; again.
 *
 * 1. The result is peak_rss_kb: memory that was never written need not be cleared.
 * 2. --scale changes the size, not the number of rounds.
 */
#include "common.h"

enum { MB = 1 << 20, ROUNDS = 4 };

static void work(struct worker *worker) {
	size_t size = bench_scaled(worker->bench, 1024) * MB;
	for (unsigned i = 0; i < ROUNDS; i++) {
		free(must_malloc(size));
		const volatile char *bytes = must_have(calloc(size / 16, 16), size);
		if (bytes[0] || bytes[size / 2] || bytes[size - 1])
			bench_fail("a block of %zu bytes from calloc is not zero", size);
		free((void *)bytes);
	}
	worker->operations = 4 * ROUNDS;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "calloc_large",
	        .describe =
	                "1 GB by malloc, untouched and freed, then 1 GB by calloc: is memory cleared that "
	                "nobody wrote to?",
	        .threads = 1,
	        .note = "peak_rss_kb is the result; --scale changes the size.",
	};
	return bench_main(&self, argc, argv, work);
}

/*
 * malloc_fails.c: a small malloc, its free, and a malloc that must fail, again and again.
 *
 * 1. Three kinds of requests fail: one of half of PTRDIFF_MAX, larger than any address space; one
 *    just above RLIMIT_AS, which is set for it; one of 2^46 bytes, which the kernel refuses because
 *    it could never keep the promise. An allocator may be able to make that promise all the same:
 *    then this kind is left out.
 * 2. A round is three operations. ns has the nanoseconds of a round by kind, the best of CHUNKS, so
 *    that a disturbance by other programs does not count.
 */
#include "common.h"

#include <sys/resource.h>

enum { SMALL = 48, ROUNDS = 20000, CHUNKS = 8 };

#define LIMIT ((size_t)8 << 30)

static const struct kind {
	const char *name;
	size_t size;
} kinds[] = {
        {"half of PTRDIFF_MAX", PTRDIFF_MAX / 2},
        {"above RLIMIT_AS", LIMIT},
        {"2^46", (size_t)1 << 46},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct times {
	double ns[KINDS]; /* 0: not measured */
};

/* Whether a request of this size fails; errno must say why. */
static bool fails(size_t size) {
	errno = 0;
	void *memory = malloc(size);
	bool failed = !memory;
	if (failed && errno != ENOMEM)
		bench_fail("a malloc of %zu bytes that failed left errno %d", size, errno);
	free(memory);
	return failed;
}

static double time_rounds(size_t size, uint64_t rounds) {
	uint64_t began = clock_ns(CLOCK_MONOTONIC);
	for (uint64_t i = 0; i < rounds; i++) {
		struct block block = block_take(SMALL, (uint32_t)i);
		block_put(&block);
		void *memory = malloc(size);
		if (memory)
			bench_fail("a malloc of %zu bytes did not fail", size);
	}
	return (double)(clock_ns(CLOCK_MONOTONIC) - began) / (double)rounds;
}

/* The soft limit alone: it can be taken back. */
static void limit_address_space(rlim_t most) {
	struct rlimit limit;
	if (getrlimit(RLIMIT_AS, &limit))
		bench_fail("RLIMIT_AS cannot be read");
	limit.rlim_cur = most < limit.rlim_max ? most : limit.rlim_max;
	if (setrlimit(RLIMIT_AS, &limit))
		bench_fail("RLIMIT_AS cannot be set");
}

static double best_time(size_t size, uint64_t rounds) {
	double best = time_rounds(size, rounds);
	for (unsigned chunk = 1; chunk < CHUNKS; chunk++) {
		double ns = time_rounds(size, rounds);
		best = ns < best ? ns : best;
	}
	return best;
}

static void work(struct worker *worker) {
	struct times *times = worker->shared;
	uint64_t rounds = bench_scaled(worker->bench, ROUNDS / CHUNKS);
	for (unsigned i = 0; i < KINDS; i++) {
		limit_address_space(kinds[i].size == LIMIT ? LIMIT : RLIM_INFINITY);
		if (!fails(kinds[i].size))
			continue;
		times->ns[i] = best_time(kinds[i].size, rounds);
		worker->operations += 3 * rounds * CHUNKS;
	}
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "malloc_fails",
	        .describe =
	                "malloc of 48 bytes, free, and a malloc that must fail, again and again: programs "
	                "that ask for too much and go on",
	        .threads = 1,
	        .note = "ns is nanoseconds of a round by kind of failure; --threads changes nothing.",
	};
	struct bench bench = bench_parse(&self, argc, argv);
	struct times times = {0};
	struct report report = bench_run(&bench, 1, work, &times);
	char extra[KINDS * 48 + 16] = "\"ns\":{";
	for (unsigned i = 0, said = 0; i < KINDS; i++) {
		size_t length = strlen(extra);
		if (times.ns[i] > 0)
			snprintf(extra + length, sizeof extra - length, "%s\"%s\":%.1f", said++ ? "," : "",
			         kinds[i].name, times.ns[i]);
	}
	strcat(extra, "}");
	report.extra = extra;
	bench_print(&bench, &report);
	return 0;
}

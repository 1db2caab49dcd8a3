/*
 * latency.h: how long single calls take.
 *
 * 1. Time is counted in ticks of the processor's time stamp counter, which x86-64 machines of today keep at
 *    one rate; elsewhere a tick is a nanosecond of CLOCK_MONOTONIC. tick_clock_rate turns them into time.
 * 2. A histogram is log-linear: every power of two is split into SUBS equal buckets, so a percentile read
 *    from it is at most 1/SUBS (3 %) too high, and adding a call is a few instructions. One owner each;
 *    histogram_add merges them after the threads have ended.
 */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(clockid_t id) {
	struct timespec now;
	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The fence keeps the call that is timed from running past the reading. */
static inline uint64_t ticks(void) {
#ifdef __x86_64__
	__builtin_ia32_lfence();
	return __builtin_ia32_rdtsc();
#else
	return clock_ns(CLOCK_MONOTONIC);
#endif
}

struct tick_clock {
	uint64_t ticks, ns;
};

static inline struct tick_clock tick_clock_start(void) {
	struct tick_clock clock;
	clock.ns = clock_ns(CLOCK_MONOTONIC);
	clock.ticks = ticks();
	return clock;
}

/* Nanoseconds per tick since the start. */
static inline double tick_clock_rate(const struct tick_clock *start) {
	uint64_t ns = clock_ns(CLOCK_MONOTONIC) - start->ns, passed = ticks() - start->ticks;
	return passed ? (double)ns / (double)passed : 1;
}

/* What two readings with nothing between them differ by: to be taken off each measurement. */
static inline uint64_t ticks_overhead(void) {
	uint64_t least = UINT64_MAX;
	for (int i = 0; i < 1000; i++) {
		uint64_t start = ticks(), passed = ticks() - start;
		if (passed < least)
			least = passed;
	}
	return least;
}

enum { SUB_BITS = 5, SUBS = 1 << SUB_BITS, BUCKETS = (64 - SUB_BITS + 1) * SUBS };

struct histogram {
	uint64_t count, max;
	uint64_t buckets[BUCKETS];
};

/* Up to 63 a value is its own bucket; 100 has its top bit at 6, shift 1, and shares bucket 82 with 101. */
static inline unsigned histogram_bucket(uint64_t value) {
	if (value < SUBS)
		return (unsigned)value;
	unsigned shift = 63 - (unsigned)__builtin_clzll(value) - SUB_BITS;
	return shift * SUBS + (unsigned)(value >> shift);
}

/* The largest value of a bucket. */
static inline uint64_t histogram_bound(unsigned bucket) {
	if (bucket < SUBS)
		return bucket;
	unsigned shift = bucket / SUBS - 1;
	return ((uint64_t)(bucket - shift * SUBS) << shift) + ((UINT64_C(1) << shift) - 1);
}

static inline void histogram_count(struct histogram *histogram, uint64_t value) {
	histogram->buckets[histogram_bucket(value)]++;
	histogram->count++;
	if (value > histogram->max)
		histogram->max = value;
}

static inline void histogram_add(struct histogram *sum, const struct histogram *part) {
	for (unsigned i = 0; i < BUCKETS; i++)
		sum->buckets[i] += part->buckets[i];
	sum->count += part->count;
	if (part->max > sum->max)
		sum->max = part->max;
}

/* The value that a fraction of all calls does not exceed, in ticks. */
static inline uint64_t histogram_percentile(const struct histogram *histogram, double fraction) {
	double wanted = fraction * (double)histogram->count, seen = 0;
	for (unsigned i = 0; i < BUCKETS; i++) {
		seen += (double)histogram->buckets[i];
		if (seen >= wanted && seen > 0) {
			uint64_t bound = histogram_bound(i);
			return bound < histogram->max ? bound : histogram->max;
		}
	}
	return histogram->max;
}

#endif

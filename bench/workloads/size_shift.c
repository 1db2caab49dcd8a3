/*
 * size_shift.c: a million blocks of 64 bytes, all freed but every 16th, then as many bytes in
 * blocks of 200 to 320.
 *
 * 1. The result is peak_rss_kb: memory freed in one size should serve another, though a block in 1
 *    KB of it lives.
 * 2. The tables of pointers, 10 MB, share the resident size.
 * 3. --scale changes the number of blocks.
 */
#include "common.h"

enum { BLOCKS = 1000000, SIZE = 64, KEPT_ONE_IN = 16, SMALLEST = 200, LARGEST = 320 };

static void free_unkept(struct parcel **small, uint64_t count) {
	for (uint64_t i = 0; i < count; i++) {
		if (i % KEPT_ONE_IN)
			parcel_put(small[i]);
	}
}

static void work(struct worker *worker) {
	uint64_t count = bench_scaled(worker->bench, BLOCKS), nlarge = 0;
	struct parcel **small = bench_map(count * sizeof *small);
	struct parcel **large = bench_map((count * SIZE / SMALLEST + 1) * sizeof *large);
	for (uint64_t i = 0; i < count; i++)
		small[i] = parcel_take(SIZE, (uint32_t)i);
	free_unkept(small, count);
	for (uint64_t bytes = 0; bytes < count * SIZE; bytes += large[nlarge++]->size)
		large[nlarge] = parcel_take(rng_between(&worker->rng, SMALLEST, LARGEST), (uint32_t)nlarge);
	for (uint64_t i = 0; i < count; i += KEPT_ONE_IN)
		parcel_put(small[i]);
	for (uint64_t i = 0; i < nlarge; i++)
		parcel_put(large[i]);
	worker->operations = 2 * (count + nlarge);
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "size_shift",
	        .describe = "a million blocks of 64 bytes, every 16th kept, then as many bytes in blocks of "
	                    "200 to 320: does what one size leaves serve another?",
	        .threads = 1,
	        .note = "peak_rss_kb is the result.",
	};
	return bench_main(&self, argc, argv, work);
}

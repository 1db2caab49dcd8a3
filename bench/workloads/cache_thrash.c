/*
 * cache_thrash.c: active false sharing.
 *
 * Threads allocate small blocks at the same time, write them and free them. An allocator that serves
 * requests of two threads from one cache line makes them share it.
 */
#include "scratch.h"

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "cache_thrash",
	        .describe = "active false sharing: small blocks allocated by several threads at once "
	                    "(Berger et al., Hoard, ASPLOS 2000)",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, scratch_rounds);
}

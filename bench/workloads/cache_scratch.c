/*
 * cache_scratch.c: passive false sharing.
 *
 * The main thread allocates one small block for each thread, side by side, and hands them out; each thread
 * uses and frees its own. An allocator that gives a freed block to the thread that freed it then goes on to
 * share the line between threads, round after round.
 */
#include "scratch.h"

static void work(struct worker *worker) {
	unsigned char **given = worker->shared;
	scratch_use(given[worker->index]);
	worker->operations = 1;
	scratch_rounds(worker);
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "cache_scratch",
	        .describe = "passive false sharing: blocks of one cache line freed by several threads "
	                    "(Berger et al., Hoard, ASPLOS 2000)",
	        .threads = 1,
	};
	struct bench bench = bench_parse(&self, argc, argv);
	unsigned char **given = bench_map(bench.threads * sizeof *given);
	for (unsigned i = 0; i < bench.threads; i++)
		given[i] = must_malloc(SCRATCH_SIZE);
	struct report report = bench_run(&bench, bench.threads, work, given);
	bench_print(&bench, &report);
	return 0;
}

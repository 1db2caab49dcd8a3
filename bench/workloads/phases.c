/*
 * phases.c: grow to many megabytes of small objects, free all, grow again; does the memory come back?
 *
 * 1. Each phase has its own sizes, so that what one leaves behind does not fit the next by itself.
 * 2. Objects are linked through their own heads into CHAINS lists, RUN in turn to a list drawn at random, and
 *    freed list by list: not in the order of their addresses. No bookkeeping shares the resident size.
 * 3. --threads N splits the megabytes. --scale changes their number.
 */
#include "common.h"

enum { PHASES = 8, MEGABYTES = 128, CHAINS = 1024, RUN = 16 };

static const uint32_t smallest[PHASES] = {32, 64, 48, 200, 24, 112, 48, 24};
static const uint32_t largest[PHASES] = {96, 160, 48, 800, 400, 112, 144, 1000};

static void phase(struct worker *worker, unsigned number, uint64_t bytes) {
	struct parcel *chains[CHAINS] = {NULL}, **chain = chains;
	uint64_t count = 0, freed = 0;
	for (uint64_t done = 0; done < bytes; count++) {
		uint32_t size = rng_between(&worker->rng, smallest[number], largest[number]);
		struct parcel *parcel = parcel_take(size, (uint32_t)count);
		if (count % RUN == 0)
			chain = &chains[rng_below(&worker->rng, CHAINS)];
		parcel->next = *chain;
		*chain = parcel;
		done += size;
	}
	for (unsigned i = 0; i < CHAINS; i++) {
		while (chains[i]) {
			struct parcel *next = chains[i]->next;
			parcel_put(chains[i]);
			chains[i] = next;
			freed++;
		}
	}
	if (freed != count)
		bench_fail("%llu objects were made, %llu found", (unsigned long long)count,
		           (unsigned long long)freed);
	worker->operations += 2 * count;
}

static void work(struct worker *worker) {
	uint64_t bytes = bench_scaled(worker->bench, (uint64_t)MEGABYTES << 20) / worker->bench->threads;
	struct samples *rss = worker->shared;
	for (unsigned number = 0; number < PHASES; number++) {
		phase(worker, number, bytes);
		if (worker->index == 0)
			samples_add(rss, status_kb("VmRSS:"));
	}
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "phases",
	        .describe = "8 phases that grow to 128 MB of small objects and free them all, then 1 s idle: "
	                    "what stays resident (compilers, batch jobs in a daemon)",
	        .threads = 1,
	        .note = "rss_kb is sampled after each phase; --scale shrinks the megabytes and the idle "
	                "time.",
	};
	struct bench bench = bench_parse(&self, argc, argv);
	struct samples rss = {0};
	struct report report = bench_run(&bench, bench.threads, work, &rss);
	report.rss = &rss;
	report.final_rss_kb = bench_idle(&bench);
	bench_print(&bench, &report);
	return 0;
}

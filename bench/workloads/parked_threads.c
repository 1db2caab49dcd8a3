/*
 * parked_threads.c: threads that each malloc and free one block of 1000 KB, one after the other,
 * and then sleep.
 *
 * 1. rss_kb has two samples: while all sleep, and at the end. Before the end the main thread is
 *    busy with small blocks for 3 s at 100 %, and calls malloc_trim(0) where the allocator has one:
 *    final_rss_kb.
 * 2. --threads changes their number, --scale the busy time alone.
 */
#include "common.h"

#include <dlfcn.h>

enum { THREADS = 500, KB = 1024, SIZE = 1000 * KB, BUSY_MS = 3000, LIVE = 1000, TURN = 10000 };

struct park {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned parked;
	bool leave;
};

static void *visit(void *argument) {
	struct park *park = argument;
	pthread_mutex_lock(&park->mutex);
	char *bytes = must_malloc(SIZE);
	memset(bytes, 1, SIZE);
	free(bytes);
	park->parked++;
	pthread_cond_broadcast(&park->changed);
	while (!park->leave)
		pthread_cond_wait(&park->changed, &park->mutex);
	pthread_mutex_unlock(&park->mutex);
	return NULL;
}

/* Each stands parked before the next is started: no two are ever at work at once. */
static void start_all(struct park *park, pthread_t *threads, unsigned count) {
	for (unsigned i = 0; i < count; i++) {
		must_create(&threads[i], visit, park);
		pthread_mutex_lock(&park->mutex);
		while (park->parked <= i)
			pthread_cond_wait(&park->changed, &park->mutex);
		pthread_mutex_unlock(&park->mutex);
	}
}

static void leave_all(struct park *park, pthread_t *threads, unsigned count) {
	pthread_mutex_lock(&park->mutex);
	park->leave = true;
	pthread_cond_broadcast(&park->changed);
	pthread_mutex_unlock(&park->mutex);
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

/* Small blocks come and go for so long. */
static void be_busy(uint64_t ms) {
	struct block live[LIVE] = {0};
	struct rng rng = rng_seed(1);
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + ms * 1000000;
	do {
		for (unsigned i = 0; i < TURN; i++) {
			struct block *slot = &live[rng_below(&rng, LIVE)];
			if (slot->memory)
				block_put(slot);
			*slot = block_take(rng_between(&rng, 16, 1024), i);
		}
	} while (clock_ns(CLOCK_MONOTONIC) < until);
	for (unsigned i = 0; i < LIVE; i++) {
		if (live[i].memory)
			block_put(&live[i]);
	}
}

static void trim(void) {
	int (*malloc_trim)(size_t);
	*(void **)&malloc_trim = dlsym(RTLD_DEFAULT, "malloc_trim");
	if (malloc_trim)
		malloc_trim(0);
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "parked_threads",
	        .describe = "500 threads, never two at once, each malloc and free 1000 KB and then sleep; "
	                    "then 3 s of a busy main thread and malloc_trim: what stays resident",
	        .threads = THREADS,
	        .note = "final_rss_kb is taken while all sleep; --scale changes the busy time.",
	};
	struct bench bench = bench_parse(&self, argc, argv);
	struct park park = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	pthread_t *threads = bench_map(bench.threads * sizeof *threads);
	struct report report = {.operations = 2 * bench.threads};
	struct samples rss = {0};
	struct stopwatch watch = stopwatch_start();
	start_all(&park, threads, bench.threads);
	stopwatch_stop(&watch, &report);
	samples_add(&rss, status_kb("VmRSS:"));
	be_busy(bench_scaled(&bench, BUSY_MS));
	trim();
	report.final_rss_kb = status_kb("VmRSS:");
	samples_add(&rss, report.final_rss_kb);
	leave_all(&park, threads, bench.threads);
	report.rss = &rss;
	bench_print(&bench, &report);
	return 0;
}

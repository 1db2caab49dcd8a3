/*
 * larson.c: a server whose threads come and go.
 *
 * 1. Each of N lanes owns an array of blocks. A thread replaces random ones; when it has done its share it
 *    starts its successor, hands the array on, and ends. So most blocks are freed by another thread than
 *    allocated them, and often after that thread is gone.
 * 2. The first and the last owner of every array is the main thread.
 */
#include "common.h"

#include <semaphore.h>

enum { SLOTS = 5000, SMALLEST = 8, LARGEST = 1000, GENERATIONS = 50, REPLACEMENTS = 400000 };

struct lane {
	struct block slots[SLOTS];
	struct rng rng;
	unsigned generation;
	uint64_t replacements; /* of each generation */
	uint32_t tag;
	pthread_t predecessor;
	sem_t ended;
};

static void replace(struct lane *lane, struct block *slot) {
	if (slot->memory)
		block_put(slot);
	*slot = block_take(rng_between(&lane->rng, SMALLEST, LARGEST), lane->tag++);
}

static void *serve(void *argument) {
	struct lane *lane = argument;
	pthread_t predecessor = lane->predecessor;
	bool first = lane->generation == 0;
	for (uint64_t i = 0; i < lane->replacements; i++)
		replace(lane, &lane->slots[rng_below(&lane->rng, SLOTS)]);
	if (!first)
		pthread_join(predecessor, NULL);
	lane->predecessor = pthread_self();
	if (++lane->generation < GENERATIONS) {
		pthread_t successor;
		must_create(&successor, serve, lane);
	} else {
		sem_post(&lane->ended);
	}
	return NULL;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "larson",
	        .describe = "a server: random blocks replaced, arrays handed to new threads as old ones end "
	                    "(Larson & Krishnan, ISMM 1998)",
	        .threads = 1,
	};
	struct bench bench = bench_parse(&self, argc, argv);
	struct lane *lanes = bench_map(bench.threads * sizeof *lanes);
	struct report report = {0};
	for (unsigned i = 0; i < bench.threads; i++) {
		lanes[i].rng = rng_seed(i);
		lanes[i].replacements = bench_scaled(&bench, REPLACEMENTS);
		sem_init(&lanes[i].ended, 0, 0);
		for (unsigned slot = 0; slot < SLOTS; slot++)
			replace(&lanes[i], &lanes[i].slots[slot]);
	}
	struct stopwatch watch = stopwatch_start();
	for (unsigned i = 0; i < bench.threads; i++) {
		pthread_t first;
		must_create(&first, serve, &lanes[i]);
	}
	for (unsigned i = 0; i < bench.threads; i++) {
		sem_wait(&lanes[i].ended);
		pthread_join(lanes[i].predecessor, NULL);
		for (unsigned slot = 0; slot < SLOTS; slot++)
			block_put(&lanes[i].slots[slot]);
		report.operations += GENERATIONS * 2 * lanes[i].replacements + SLOTS;
	}
	stopwatch_stop(&watch, &report);
	bench_print(&bench, &report);
	return 0;
}

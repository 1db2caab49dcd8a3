/*
 * thread_churn.c: many short-lived threads that allocate a little.
 *
 * Each thread takes a few blocks, frees half of them and ends; who started it frees the rest. What an
 * allocator sets up for a thread, and what it leaves behind when the thread ends, is the cost here.
 */
#include "common.h"

enum { CHILDREN = 40000, BLOCKS = 32, LARGEST = 2048 };

struct child {
	struct rng rng;
	uint32_t tag;
	struct block blocks[BLOCKS];
};

static void *live_briefly(void *argument) {
	struct child *child = argument;
	for (uint32_t i = 0; i < BLOCKS; i++)
		child->blocks[i] = block_take(rng_log_between(&child->rng, 8, LARGEST), child->tag + i);
	for (uint32_t i = 0; i < BLOCKS; i += 2)
		block_put(&child->blocks[i]);
	return NULL;
}

static void work(struct worker *worker) {
	struct child child = {.rng = worker->rng};
	uint64_t children = bench_scaled(worker->bench, CHILDREN);
	for (uint64_t i = 0; i < children; i++) {
		pthread_t thread;
		child.tag = (uint32_t)i * BLOCKS;
		must_create(&thread, live_briefly, &child);
		pthread_join(thread, NULL);
		for (uint32_t at = 1; at < BLOCKS; at += 2)
			block_put(&child.blocks[at]);
	}
	worker->operations = 2 * children * BLOCKS;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "thread_churn",
	        .describe = "short-lived threads that allocate a little, as thread-per-request servers do",
	        .threads = 1,
	        .note = "--threads N: N threads each start and join short-lived ones, one at a time.",
	};
	return bench_main(&self, argc, argv, work);
}

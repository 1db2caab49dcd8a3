/*
 * sh6.c: stack-like use: what came last mostly goes first.
 *
 * Each round allocates a batch of blocks of growing size and pushes them on a deque; half of the batch is
 * freed from the young end (last in, first out), then the old end is trimmed (first in, first out), so that
 * at most KEEP blocks outlive the round.
 */
#include "common.h"

enum { ROUNDS = 15000, BATCH = 2000, KEEP = 8000, CAPACITY = 16384, LARGEST = 1000 };

struct deque {
	uint64_t oldest, end; /* positions, taken modulo CAPACITY */
	struct block blocks[CAPACITY];
};

_Static_assert(KEEP + BATCH <= CAPACITY, "a round fits the deque");

static void push(struct deque *deque, uint32_t size) {
	deque->blocks[deque->end % CAPACITY] = block_take(size, (uint32_t)deque->end);
	deque->end++;
}

static void free_youngest(struct deque *deque) { block_put(&deque->blocks[--deque->end % CAPACITY]); }

static void free_oldest(struct deque *deque) { block_put(&deque->blocks[deque->oldest++ % CAPACITY]); }

static void work(struct worker *worker) {
	struct deque *deque = bench_map(sizeof *deque);
	uint64_t rounds = bench_scaled(worker->bench, ROUNDS);
	for (uint64_t round = 0; round < rounds; round++) {
		for (uint32_t i = 0; i < BATCH; i++) /* the square: most sizes are small */
			push(deque, 1 + LARGEST * (i * i / BATCH) / BATCH);
		for (uint32_t i = 0; i < BATCH / 2; i++)
			free_youngest(deque);
		while (deque->end - deque->oldest > KEEP)
			free_oldest(deque);
	}
	while (deque->end > deque->oldest)
		free_oldest(deque);
	worker->operations = 2 * rounds * BATCH;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "sh6",
	        .describe = "stack-like: batches of growing sizes, freed partly LIFO, partly FIFO (after "
	                    "MicroQuill's SmartHeap test sh6bench)",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

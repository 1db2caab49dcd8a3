/*
 * xmalloc.c: N producers allocate, N consumers free.
 *
 * 1. Blocks travel in batches through one bounded queue, so every block is freed by a thread that did not
 *    allocate it, and the queue's lock is taken once in BATCH blocks.
 * 2. --threads N means N pairs: 2 N threads run.
 */
#include "common.h"

enum { BATCH = 256, BATCHES = 40000, DEPTH = 32 };

/* The sizes Lever and Boreham's test cycles through are small; a few large ones are mixed in. */
static const uint32_t sizes[] = {16, 24, 32, 40, 48, 64, 96, 128, 192, 256, 384, 512, 32, 48, 64, 1024};

struct batch {
	struct block blocks[BATCH];
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t not_empty, not_full;
	unsigned first, count;
	struct batch *ring[DEPTH];
};

static void queue_put(struct queue *queue, struct batch *batch) {
	pthread_mutex_lock(&queue->lock);
	while (queue->count == DEPTH)
		pthread_cond_wait(&queue->not_full, &queue->lock);
	queue->ring[(queue->first + queue->count++) % DEPTH] = batch;
	pthread_cond_signal(&queue->not_empty);
	pthread_mutex_unlock(&queue->lock);
}

static struct batch *queue_take(struct queue *queue) {
	pthread_mutex_lock(&queue->lock);
	while (!queue->count)
		pthread_cond_wait(&queue->not_empty, &queue->lock);
	struct batch *batch = queue->ring[queue->first];
	queue->first = (queue->first + 1) % DEPTH;
	queue->count--;
	pthread_cond_signal(&queue->not_full);
	pthread_mutex_unlock(&queue->lock);
	return batch;
}

static void produce(struct worker *worker, uint64_t nbatches) {
	for (uint64_t i = 0; i < nbatches; i++) {
		struct batch *batch = must_malloc(sizeof *batch);
		for (unsigned at = 0; at < BATCH; at++)
			batch->blocks[at] =
			        block_take(sizes[rng_below(&worker->rng, sizeof sizes / sizeof *sizes)],
			                   (uint32_t)i * BATCH + at);
		queue_put(worker->shared, batch);
	}
}

static void consume(struct worker *worker, uint64_t nbatches) {
	for (uint64_t i = 0; i < nbatches; i++) {
		struct batch *batch = queue_take(worker->shared);
		for (unsigned at = 0; at < BATCH; at++)
			block_put(&batch->blocks[at]);
		free(batch);
	}
}

static void work(struct worker *worker) {
	uint64_t nbatches = bench_scaled(worker->bench, BATCHES);
	if (worker->index < worker->bench->threads)
		produce(worker, nbatches);
	else
		consume(worker, nbatches);
	worker->operations = nbatches * (BATCH + 1);
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "xmalloc",
	        .describe = "producers allocate batches, as many consumers free them (Lever & Boreham, "
	                    "USENIX 2000)",
	        .threads = 1,
	        .note = "--threads N starts N producers and N consumers.",
	};
	struct bench bench = bench_parse(&self, argc, argv);
	struct queue queue = {
	        .lock = PTHREAD_MUTEX_INITIALIZER,
	        .not_empty = PTHREAD_COND_INITIALIZER,
	        .not_full = PTHREAD_COND_INITIALIZER,
	};
	struct report report = bench_run(&bench, 2 * bench.threads, work, &queue);
	bench_print(&bench, &report);
	return 0;
}

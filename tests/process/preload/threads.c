/* threads.c: blocks allocated by one thread and freed by another, and threads that come and go. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdatomic.h>

#include "common.h"

enum { THREADS = 64, BOX = 24, ROUNDS = 40, SHELF = 512, SWAPS = 4000, CHURN = 2000, GROUP = 16 };

struct item {
	size_t size;
	uint64_t tag;
	char bytes[];
};

static atomic_int damaged;

static struct item *make(uint64_t *state) {
	uint64_t kind = next_random(state) % 1000;
	size_t size = (size_t)(next_random(state) % (kind == 0 ? 300000 : kind < 50 ? 20000 : 400));
	struct item *item = malloc(sizeof *item + size);
	item->size = size;
	item->tag = next_random(state);
	fill(item->bytes, 0, size, item->tag);
	return item;
}

static void check_and_free(struct item *item) {
	if (item && !intact(item->bytes, item->size, item->tag))
		atomic_fetch_add(&damaged, 1);
	free(item);
}

/* Each thread fills its neighbour's box; at the barrier all free what they were given. */
static struct item *boxes[THREADS][BOX];
static pthread_barrier_t barrier;

static void *ring(void *number) {
	size_t self = (size_t)number, next = (self + 1) % THREADS;
	uint64_t state = self + 1;
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < BOX; i++)
			boxes[next][i] = make(&state);
		pthread_barrier_wait(&barrier);
		for (size_t i = 0; i < BOX; i++)
			check_and_free(boxes[self][i]);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

/* Threads swap their own new block for whatever lies on a random place of one shelf. */
static struct item *_Atomic shelf[SHELF];

static void *swap(void *number) {
	uint64_t state = (size_t)number + 77;
	for (int i = 0; i < SWAPS; i++)
		check_and_free(atomic_exchange(&shelf[next_random(&state) % SHELF], make(&state)));
	return NULL;
}

static void test_hand_over(void) {
	pthread_barrier_init(&barrier, NULL, THREADS);
	run_threads(THREADS, ring);
	ok(damaged == 0, "%d threads in a ring free each other's blocks, contents intact", THREADS);
	run_threads(THREADS, swap);
	for (size_t i = 0; i < SHELF; i++)
		check_and_free(atomic_exchange(&shelf[i], NULL));
	ok(damaged == 0, "%d threads swap blocks at random, contents intact", THREADS);
}

static void *left_behind[CHURN];

static void *visitor(void *number) {
	char *blocks[40];
	for (size_t i = 0; i < COUNT(blocks); i++)
		memset(blocks[i] = malloc(i * 60 + 48), 1, i * 60 + 48);
	left_behind[(size_t)number] = blocks[0];
	for (size_t i = 1; i < COUNT(blocks); i++)
		free(blocks[i]);
	return NULL;
}

static void one_churn(void) {
	pthread_t threads[GROUP];
	for (size_t i = 0; i < CHURN; i += GROUP) {
		for (size_t k = 0; k < GROUP; k++)
			threads[k] = start(visitor, (void *)(i + k));
		for (size_t k = 0; k < GROUP; k++)
			pthread_join(threads[k], NULL);
	}
	for (size_t i = 0; i < CHURN; i++)
		free(left_behind[i]);
}

static void test_churn(void) {
	one_churn();
	size_t before = resident();
	one_churn();
	size_t rise = grown(before, resident());
	ok(rise < 3 * MB, "%d more short threads leave memory as it was (+%zu KB)", CHURN, rise / KB);
}

/* One thread only allocates, another only frees: what the first loses must come back to it. */
static struct item *_Atomic pipe_slots[256];
static atomic_int producing = 1;

static void *producer(void *unused) {
	uint64_t state = 5;
	for (int i = 0; i < 400000;) {
		struct item *_Atomic *slot = &pipe_slots[next_random(&state) % 256];
		if (!atomic_load(slot)) {
			struct item *item = malloc(sizeof *item + 200), *nothing = NULL;
			item->size = 200;
			item->tag = (uint64_t)i;
			fill(item->bytes, 0, 200, item->tag);
			if (!atomic_compare_exchange_strong(slot, &nothing, item))
				free(item);
			i++;
		}
	}
	atomic_store(&producing, 0);
	return unused;
}

static void *consumer(void *unused) {
	for (int going = 1; going;) {
		going = atomic_load(&producing);
		for (size_t i = 0; i < 256; i++)
			check_and_free(atomic_exchange(&pipe_slots[i], NULL));
	}
	return unused;
}

static void test_one_way(void) {
	size_t before = resident();
	pthread_t first = start(producer, NULL), second = start(consumer, NULL);
	pthread_join(first, NULL);
	pthread_join(second, NULL);
	size_t rise = grown(before, resident());
	ok(damaged == 0, "one thread allocates, another frees: contents intact");
	ok(rise < 8 * MB, "and the memory goes round (+%zu KB for %d KB passed on)", rise / KB,
	   400000 * 216 / 1024);
}

int main(void) {
	test_hand_over();
	test_one_way();
	test_churn();
	return done();
}

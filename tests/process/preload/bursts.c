/* bursts.c: threads that take some megabytes in one size and free most of it, again and again. Memory is
 * thereby given back to the kernel, and taken anew, while other threads write beside it: what lives must stay
 * as it was, and what calloc hands out must be zero. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdatomic.h>

#include "common.h"

enum { THREADS = 6, ROUNDS = 60, KEPT = 4096, BURST = 8192 };
static const size_t bytes_per_burst = 3 << 20;

static atomic_int damaged, dirty;

struct block {
	char *bytes;
	size_t size;
	uint64_t tag;
};

/* One thread's blocks: those of this round, and survivors of earlier ones. */
struct lot {
	struct block burst[BURST], kept[KEPT];
	uint64_t state;
};
static struct lot lots[THREADS];

static void take(struct block *block, size_t size, uint64_t tag, int zeroed) {
	*block = (struct block){zeroed ? calloc(1, size) : malloc(size), size, tag};
	if (zeroed && !all_zero(block->bytes, size))
		atomic_fetch_add(&dirty, 1);
	fill(block->bytes, 0, size, tag);
}

static void drop(struct block *block) {
	if (block->bytes && !intact(block->bytes, block->size, block->tag))
		atomic_fetch_add(&damaged, 1);
	free(block->bytes);
	block->bytes = NULL;
}

static void one_burst(struct lot *lot) {
	static const size_t sizes[] = {16,    48,    96,    400,    1500,   5000,
	                               12000, 30000, 50000, 130000, 600000, 3 << 20};
	size_t size = sizes[next_random(&lot->state) % COUNT(sizes)], n = bytes_per_burst / size;
	n = n < BURST ? n : BURST;
	for (size_t i = 0; i < n; i++)
		take(&lot->burst[i], size, next_random(&lot->state), i % 4 == 0);
	for (size_t i = 0; i < n; i++) {
		struct block *place = &lot->kept[next_random(&lot->state) % KEPT];
		if (next_random(&lot->state) % 32 == 0) {
			drop(place);
			*place = lot->burst[i];
		} else
			drop(&lot->burst[i]);
	}
}

static void *work(void *number) {
	struct lot *lot = &lots[(size_t)number];
	lot->state = (size_t)number + 1;
	for (int round = 0; round < ROUNDS; round++)
		one_burst(lot);
	return NULL;
}

int main(void) {
	run_threads(THREADS, work);
	for (size_t i = 0; i < THREADS; i++)
		for (size_t k = 0; k < KEPT; k++)
			drop(&lots[i].kept[k]);
	ok(damaged == 0, "%d threads with %d bursts each: blocks intact", THREADS, ROUNDS);
	ok(dirty == 0, "calloc's blocks zero");
	return done();
}

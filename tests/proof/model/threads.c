/* threads.c: threads that allocate, hand blocks to each other through a ring, and end while others go on;
 *checked when all have ended. A block carries its size and a fill, which whoever frees it verifies.
 *
 *	threads [SEED [STEPS]]       steps per thread
 */
#include "ended.h"
#include "source.h"
#include "tap.h"

#include "observe/account.h"
#include "back/chunk.h"
#include "front/malloc.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

enum { AT_ONCE = 4, THREADS = 24, RING = 64, KEPT = 24, ROUNDS = 20 };

struct block {
	size_t size; /* of the whole block */
	unsigned char fill;
};

static _Atomic(struct block *) ring[RING];
static atomic_size_t spoiled; /* blocks whose content or size was not as it was left */
static atomic_int running, ids[THREADS + 1];
static size_t nsteps = 700;
static uint64_t seed = 1;

static size_t draw_size(struct source *source) {
	uint32_t kind = draw_below(source, 64);
	size_t size = kind < 48   ? draw_below(source, 700)
	              : kind < 60 ? draw_below(source, 33000)
	                          : draw_below(source, 200000);
	return sizeof(struct block) + (kind == 63 ? 1100000 + size : size);
}

static size_t filled(const struct block *block) { return min_size(block->size, 2000) - sizeof *block; }

static void fill(struct block *block, size_t size, uint32_t value) {
	block->size = size;
	block->fill = (unsigned char)value;
	memset(block + 1, block->fill, filled(block));
}

static bool is_intact(const struct block *block) {
	const unsigned char *bytes = (const unsigned char *)(block + 1);
	for (size_t i = 0; i < filled(block); i++)
		if (bytes[i] != block->fill)
			return false;
	return usable_size(block) >= block->size;
}

static struct block *make(struct source *source) {
	size_t size = draw_size(source);
	uint32_t kind = draw_below(source, 8);
	struct block *block = kind == 0   ? allocate_zeroed(1, size)
	                      : kind == 1 ? allocate_aligned((size_t)1 << draw_below(source, 14), size)
	                                  : allocate(size);
	if (!block)
		abort();
	fill(block, size, draw(source));
	return block;
}

static void drop(struct block *block) {
	if (!block)
		return;
	if (!is_intact(block))
		atomic_fetch_add(&spoiled, 1);
	release(block);
}

static struct block *change(struct source *source, struct block *block) {
	size_t size = draw_size(source);
	unsigned char was = block->fill;
	size_t kept = min_size(filled(block), size - sizeof *block);
	block = reallocate(block, size);
	const unsigned char *bytes = (const unsigned char *)(block + 1);
	for (size_t i = 0; i < kept; i++)
		if (bytes[i] != was) {
			atomic_fetch_add(&spoiled, 1);
			break;
		}
	fill(block, size, draw(source));
	return block;
}

static void *live(void *argument) {
	struct source source = {.seed = seed * 1000003 + (uintptr_t)argument};
	struct block *kept[KEPT] = {NULL};
	ids[(uintptr_t)argument] = thread_id();
	for (size_t i = 0; i < nsteps; i++) {
		uint32_t at = draw_below(&source, KEPT), kind = draw_below(&source, 16);
		if (draw_below(&source, 2000) == 0)
			trim();
		else if (draw_below(&source, 2000) == 0)
			account_read();
		else if (!kept[at])
			kept[at] = make(&source);
		else if (kind < 2)
			kept[at] = change(&source, kept[at]);
		else if (kind < 8)
			kept[at] = atomic_exchange(&ring[draw_below(&source, RING)],
			                           kept[at]); /* it is another's now */
		else
			drop(kept[at]), kept[at] = NULL;
	}
	for (int i = 0; i < KEPT; i += 2)
		drop(kept[i]);
	for (int i = 1; i < KEPT; i += 2) /* the last words of a thread: blocks for the others */
		drop(atomic_exchange(&ring[draw_below(&source, RING)], kept[i]));
	atomic_fetch_sub_explicit(&running, 1, memory_order_relaxed);
	return NULL;
}

/* Some threads at a time; none is joined before all have ended, so that only the engine orders their ends. */
static void run_threads(void) {
	pthread_t threads[THREADS];
	for (uintptr_t i = 0; i < THREADS; i++) {
		while (atomic_load_explicit(&running, memory_order_relaxed) >= AT_ONCE)
			nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
		atomic_fetch_add_explicit(&running, 1, memory_order_relaxed);
		if (pthread_create(&threads[i], NULL, live, (void *)(i + 1)) != 0)
			abort();
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		wait_until_ended(ids[i + 1]);
	}
}

static bool heaps_hold(void) {
	for (unsigned class = 1; class < CLASSES; class ++)
		if (!central_check(class))
			return false;
	return true;
}

static int check_chunks(void) {
	lock_take(&chunk_lock);
	int broken = chunk_check();
	lock_release(&chunk_lock);
	return broken;
}

/* At quiescence: all threads have ended, what they left is in the ring. */
static void check_round(unsigned round) {
	bool good = heaps_hold() && check_chunks() == 0;
	for (int i = 0; i < RING; i++)
		drop(atomic_exchange(&ring[i], NULL));
	struct account account = account_read();
	bool nothing_live = account_in_chunks(&account) == 0 && account.large == 0;
	trim();
	account = account_read();
	bool nothing_left = account.chunks == 0 && account.cached_slots == 0;
	ok(good && !spoiled && nothing_live && nothing_left,
	   "round %u of %d threads: central lists and chunks %s, %zu blocks spoiled, %s live, %zu chunks "
	   "left",
	   round, THREADS, good ? "hold" : "are broken", (size_t)spoiled,
	   nothing_live ? "nothing" : "something", account.chunks);
}

int main(int argc, char **argv) {
	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL) % 1000000;
	nsteps = argc > 2 ? strtoull(argv[2], NULL, 0) : nsteps;
	printf("# %s %llu %zu\n", argv[0], (unsigned long long)seed, nsteps);
	for (unsigned round = 1; round <= ROUNDS; round++, seed++) {
		run_threads();
		check_round(round);
	}
	if (tap_failed)
		fprintf(stderr, "# the last seed was %llu\n", (unsigned long long)seed);
	return done();
}

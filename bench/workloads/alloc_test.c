/*
 * alloc_test.c: random replacement with Zipf-like sizes and Pareto-like places.
 *
 * 1. A size class (a power of two) is the likelier the smaller it is: each doubling is half as likely as the
 *    one before. Within its class a size is uniform.
 * 2. Few slots are replaced often and many rarely: most blocks are young when they are freed, a few are old.
 * 3. Every block is written in full when it is taken and read in full before it is freed.
 */
#include "common.h"

enum { SLOTS = 1 << 18, STEPS = 12000000, SMALLEST_CLASS = 4, DOUBLINGS = 13 };

static uint32_t draw_size(struct rng *rng) {
	unsigned doublings = (unsigned)__builtin_ctz(rng_next(rng) | 1u << (DOUBLINGS - 1));
	uint32_t class = 1u << (SMALLEST_CLASS + doublings);
	return class + rng_below(rng, class);
}

/* Eight in ten fall into the first fifth of the slots, and so on within that fifth. */
static uint32_t draw_slot(struct rng *rng) {
	uint32_t bound = SLOTS;
	while (bound > 5 && rng_below(rng, 10) < 8)
		bound /= 5;
	return rng_below(rng, bound);
}

static void check_all(const struct block *block) {
	const unsigned char *bytes = block->memory;
	if (bytes[0] != (unsigned char)block->tag || memcmp(bytes, bytes + 1, block->size - 1))
		bench_fail("%p, a block of %u bytes, lost its content", block->memory, block->size);
}

static void put_checked(struct block *block) {
	check_all(block);
	free(block->memory);
	block->memory = NULL;
}

static void work(struct worker *worker) {
	struct block *slots = bench_map(SLOTS * sizeof *slots);
	uint64_t steps = bench_scaled(worker->bench, STEPS), taken = 0;
	for (uint64_t i = 0; i < steps; i++) {
		struct block *slot = &slots[draw_slot(&worker->rng)];
		if (slot->memory) {
			put_checked(slot);
		} else {
			slot->size = draw_size(&worker->rng);
			slot->tag = (uint32_t)i;
			slot->memory = must_malloc(slot->size);
			memset(slot->memory, (unsigned char)slot->tag, slot->size);
			taken++;
		}
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slots[i].memory)
			put_checked(&slots[i]);
	}
	worker->operations = 2 * taken;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "alloc_test",
	        .describe =
	                "random replacement with Zipf-like sizes and lifetimes, every byte touched (after "
	                "Ignatchenko's alloc-test, 2018)",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

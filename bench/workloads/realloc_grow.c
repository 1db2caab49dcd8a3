/*
 * realloc_grow.c: vectors and strings that grow.
 *
 * 1. Several growers are interleaved, so that no block can simply be extended into the space behind it.
 * 2. A vector grows by a fixed number of elements or by doubling; a string is reallocated to its exact
 *    length at each append. One that is full is checked, trimmed to its length, and freed.
 * 3. A realloc counts as one operation, like a malloc or a free.
 */
#include "common.h"

enum { GROWERS = 24, APPENDS = 26000000, STEP = 64 };

enum kind { BY_STEPS, BY_DOUBLING, TEXT, KINDS };

struct grower {
	enum kind kind;
	uint32_t tag;
	uint32_t count, capacity, limit; /* elements: of 4 bytes, or of 1 byte in a text */
	void *memory;
};

static size_t width(enum kind kind) { return kind == TEXT ? 1 : sizeof(uint32_t); }

static void resize(struct worker *worker, struct grower *grower, uint32_t capacity) {
	size_t size = capacity * width(grower->kind);
	grower->memory = must_have(realloc(grower->memory, size), size);
	grower->capacity = capacity;
	worker->operations++;
}

static char letter(const struct grower *grower, uint32_t at) { return (char)('a' + (grower->tag + at) % 26); }

static void finish(struct worker *worker, struct grower *grower) {
	resize(worker, grower, grower->count);
	const uint32_t *words = grower->memory;
	const char *text = grower->memory;
	for (uint32_t i = 0; i < grower->count; i++) {
		bool holds =
		        grower->kind == TEXT ? text[i] == letter(grower, i) : words[i] == grower->tag + i;
		if (!holds)
			bench_fail("element %u of %u lost its content in a realloc", i, grower->count);
	}
	free(grower->memory);
	worker->operations++;
	grower->memory = NULL;
}

static void start(struct worker *worker, struct grower *grower, uint32_t tag) {
	*grower = (struct grower){.kind = (enum kind)rng_below(&worker->rng, KINDS), .tag = tag};
	static const uint32_t most[KINDS] = {32 << 10, 256 << 10, 32 << 10};
	grower->limit = rng_log_between(&worker->rng, 64, most[grower->kind]);
}

static void append(struct worker *worker, struct grower *grower) {
	uint32_t wanted = grower->count + rng_between(&worker->rng, 1, 24);
	if (grower->kind == TEXT)
		resize(worker, grower, wanted);
	while (grower->capacity < wanted)
		resize(worker, grower,
		       grower->kind == BY_STEPS || !grower->capacity ? grower->capacity + STEP
		                                                     : 2 * grower->capacity);
	for (; grower->count < wanted; grower->count++) {
		if (grower->kind == TEXT)
			((char *)grower->memory)[grower->count] = letter(grower, grower->count);
		else
			((uint32_t *)grower->memory)[grower->count] = grower->tag + grower->count;
	}
}

static void work(struct worker *worker) {
	struct grower growers[GROWERS];
	uint64_t appends = bench_scaled(worker->bench, APPENDS);
	for (uint32_t i = 0; i < GROWERS; i++)
		start(worker, &growers[i], i);
	for (uint64_t i = 0; i < appends; i++) {
		struct grower *grower = &growers[rng_below(&worker->rng, GROWERS)];
		append(worker, grower);
		if (grower->count >= grower->limit) {
			finish(worker, grower);
			start(worker, grower, (uint32_t)i);
		}
	}
	for (uint32_t i = 0; i < GROWERS; i++) {
		if (growers[i].memory)
			finish(worker, &growers[i]);
	}
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "realloc_grow",
	        .describe = "vectors grown by small and by doubling steps and strings appended to, "
	                    "interleaved, as interpreters and parsers do",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}

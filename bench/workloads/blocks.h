/*
 * blocks.h: random numbers, and blocks whose content is checked before they are freed.
 *
 * 1. The first and the last eight bytes of a block carry a stamp made of its tag: an allocator that hands
 *    the same bytes out twice, or writes into a block in use, is found when the block is freed.
 * 2. A struct block is the owner's note of a block, kept outside it. A struct parcel carries its own note
 *    in its first 16 bytes, so that it can be linked and be handed to another thread without further memory.
 * 3. Bookkeeping comes from bench_map, straight from the system: the allocator sees the workload alone.
 */
#ifndef BENCH_BLOCKS_H
#define BENCH_BLOCKS_H

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* Ends the process at once, from any thread: exit status 1, one sentence on stderr. */
__attribute__((cold, noreturn, format(printf, 1, 2))) static inline void bench_fail(const char *format, ...) {
	char sentence[256];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(sentence, sizeof sentence, format, arguments);
	va_end(arguments);
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, sentence);
	_exit(1);
}

/* Zeroed memory of the system's, never given back. */
static inline void *bench_map(size_t size) {
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		bench_fail("no memory for the bookkeeping (%zu bytes)", size);
	return memory;
}

/* Xorshift64* (Vigna 2014): state never zero, the high half of the product is the number. */
struct rng {
	uint64_t state;
};

static inline struct rng rng_seed(uint64_t seed) {
	struct rng rng;
	rng.state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	return rng;
}

static inline uint32_t rng_next(struct rng *rng) {
	rng->state ^= rng->state >> 12;
	rng->state ^= rng->state << 25;
	rng->state ^= rng->state >> 27;
	return (uint32_t)((rng->state * UINT64_C(0x2545f4914f6cdd1d)) >> 32);
}

/* Uniform in [0, bound), by multiplication: below 2^32 the bias is too small to matter here. */
static inline uint32_t rng_below(struct rng *rng, uint32_t bound) {
	return (uint32_t)(((uint64_t)rng_next(rng) * bound) >> 32);
}

static inline uint32_t rng_between(struct rng *rng, uint32_t low, uint32_t high) {
	return low + rng_below(rng, high - low + 1);
}

/* Uniform in (0, 1]: never zero, so that its logarithm exists. */
static inline double rng_unit(struct rng *rng) { return ((double)rng_next(rng) + 1) / 4294967296.0; }

/* Each doubling equally likely: of 16 … 1024, as many draws fall into 16 … 31 as into 512 … 1023. */
static inline uint32_t rng_log_between(struct rng *rng, uint32_t low, uint32_t high) {
	return (uint32_t)(low * exp2(rng_unit(rng) * log2((double)high / low)));
}

static inline uint64_t stamp_word(uint64_t tag) { return (tag + 1) * UINT64_C(0xd6e8feb86659fd93); }

static inline size_t stamp_tail(size_t size) { return size < 16 ? size - size / 2 : 8; }

static inline void stamp_write(void *memory, size_t size, uint64_t tag) {
	uint64_t word = stamp_word(tag);
	size_t tail = stamp_tail(size), head = size < 16 ? size - tail : 8;
	memcpy(memory, &word, head);
	memcpy((char *)memory + size - tail, &word, tail);
}

static inline bool stamp_holds(const void *memory, size_t size, uint64_t tag) {
	uint64_t word = stamp_word(tag);
	size_t tail = stamp_tail(size), head = size < 16 ? size - tail : 8;
	return !memcmp(memory, &word, head) && !memcmp((const char *)memory + size - tail, &word, tail);
}

/* Of a block of 16 bytes and more: of one that shrank, the tail is gone. */
static inline bool stamp_holds_head(const void *memory, uint64_t tag) {
	uint64_t word = stamp_word(tag);
	return !memcmp(memory, &word, sizeof word);
}

/* What malloc(3) promises of every pointer: it is there, and aligned for every type that fits. */
static inline void *must_have(void *memory, size_t size) {
	if (__builtin_expect(!memory, 0))
		bench_fail("no memory: a request of %zu bytes was refused", size);
	if (__builtin_expect(size >= 16 && (uintptr_t)memory % 16 != 0, 0))
		bench_fail("%p, a block of %zu bytes, is not aligned to 16", memory, size);
	return memory;
}

static inline void *must_malloc(size_t size) { return must_have(malloc(size), size); }

struct block {
	void *memory; /* NULL: no block */
	uint32_t size;
	uint32_t tag;
};

static inline void block_check(const struct block *block) {
	if (__builtin_expect(!stamp_holds(block->memory, block->size, block->tag), 0))
		bench_fail("%p, a block of %u bytes, lost its content", block->memory, block->size);
}

static inline struct block block_make(void *memory, uint32_t size, uint32_t tag) {
	struct block block;
	block.memory = memory;
	block.size = size;
	block.tag = tag;
	stamp_write(memory, size, tag);
	return block;
}

static inline struct block block_take(uint32_t size, uint32_t tag) {
	return block_make(must_malloc(size), size, tag);
}

static inline void block_put(struct block *block) {
	block_check(block);
	free(block->memory);
	block->memory = NULL;
}

/* By realloc; what was in both sizes must be there still, and is stamped anew. */
static inline void block_resize(struct block *block, uint32_t size) {
	void *memory = must_have(realloc(block->memory, size), size);
	bool grown = size >= block->size;
	if (__builtin_expect(!stamp_holds_head(memory, block->tag) ||
	                             (grown && !stamp_holds(memory, block->size, block->tag)),
	                     0))
		bench_fail("a block of %u bytes lost its content in a realloc to %u", block->size, size);
	*block = block_make(memory, size, block->tag);
}

struct parcel {
	struct parcel *next;
	uint32_t size; /* with this head: at least PARCEL_MIN */
	uint32_t tag;
};

#define PARCEL_MIN ((uint32_t)sizeof(struct parcel) + 8)

static inline struct parcel *parcel_make(void *memory, uint32_t size, uint32_t tag) {
	struct parcel *parcel = (struct parcel *)memory;
	parcel->next = NULL;
	parcel->size = size;
	parcel->tag = tag;
	stamp_write(parcel + 1, size - sizeof *parcel, tag);
	return parcel;
}

static inline struct parcel *parcel_take(uint32_t size, uint32_t tag) {
	return parcel_make(must_malloc(size), size, tag);
}

static inline void parcel_check(const struct parcel *parcel) {
	if (__builtin_expect(parcel->size < PARCEL_MIN, 0) ||
	    __builtin_expect(!stamp_holds(parcel + 1, parcel->size - sizeof *parcel, parcel->tag), 0))
		bench_fail("%p, a parcel of %u bytes, lost its content", (const void *)parcel, parcel->size);
}

static inline void parcel_put(struct parcel *parcel) {
	parcel_check(parcel);
	free(parcel);
}

#endif

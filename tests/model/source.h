/* source.h: where a model's choices come from: a seed, or the bytes of a fuzzer's input, which may end. */
#ifndef TESTS_SOURCE_H
#define TESTS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source {
	uint64_t seed;        /* 0: bytes */
	const uint8_t *bytes; /* what is left of the input */
	size_t nbytes;
	bool ended;
};

/* 32 bits: xorshift64*, or the next four bytes (zeros beyond the end). */
static inline uint32_t draw(struct source *source) {
	if (source->seed) {
		source->seed ^= source->seed >> 12;
		source->seed ^= source->seed << 25;
		source->seed ^= source->seed >> 27;
		return (uint32_t)(source->seed * 0x2545f4914f6cdd1d >> 32);
	}
	uint32_t value = 0;
	for (unsigned i = 0; i < 4; i++) {
		if (!source->nbytes) {
			source->ended = true;
			break;
		}
		value |= (uint32_t)*source->bytes++ << (8 * i);
		source->nbytes--;
	}
	return value;
}

static inline uint32_t draw_below(struct source *source, uint32_t n) { return draw(source) % n; }

#endif

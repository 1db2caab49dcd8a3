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

/* The next nbytes bytes of the input, zeros beyond its end. */
static inline uint32_t draw_bytes(struct source *source, unsigned nbytes) {
	uint32_t value = 0;
	for (unsigned i = 0; i < nbytes; i++) {
		if (!source->nbytes) {
			source->ended = true;
			break;
		}
		value |= (uint32_t)*source->bytes++ << (8 * i);
		source->nbytes--;
	}
	return value;
}

/* 32 bits: xorshift64*, or the next four bytes. */
static inline uint32_t draw(struct source *source) {
	if (!source->seed)
		return draw_bytes(source, 4);
	source->seed ^= source->seed >> 12;
	source->seed ^= source->seed << 25;
	source->seed ^= source->seed >> 27;
	return (uint32_t)(source->seed * 0x2545f4914f6cdd1d >> 32);
}

/* Of bytes it takes as few as n values need, so that a fuzzer that changes a byte changes a choice. */
static inline uint32_t draw_below(struct source *source, uint32_t n) {
	unsigned nbytes = 0;
	if (source->seed)
		return draw(source) % n;
	while (nbytes < 4 && (n - 1) >> (8 * nbytes))
		nbytes++;
	return draw_bytes(source, nbytes) % n;
}

#endif

/* bitmap.h (level 1): a bit for each page of a chunk, counted, set and searched in runs. Pure. */
#ifndef BITMAP_H
#define BITMAP_H

#include "ground/base.h"

enum { BITMAP_WORDS = CHUNK_PAGES / 64 };

struct bitmap {
	uint64_t words[BITMAP_WORDS];
};

/* Those of the bits [page, page + n) that lie in word w, n > 0. */
static inline uint64_t bitmap_mask(unsigned w, unsigned page, unsigned n) {
	unsigned low = page > w * 64 ? page - w * 64 : 0;
	unsigned high = page + n < w * 64 + 64 ? page + n - w * 64 : 64;
	return ~(uint64_t)0 >> (64 - (high - low)) << low;
}

/* How many of the bits [page, page + n) are set. */
static inline unsigned bitmap_count(const struct bitmap *map, unsigned page, unsigned n) {
	unsigned count = 0;
	for (unsigned w = page / 64; w * 64 < page + n; w++)
		count += count_bits(map->words[w] & bitmap_mask(w, page, n));
	return count;
}

static inline void bitmap_set(struct bitmap *map, unsigned page, unsigned n) {
	for (unsigned w = page / 64; w * 64 < page + n; w++)
		map->words[w] |= bitmap_mask(w, page, n);
}

static inline void bitmap_clear(struct bitmap *map, unsigned page, unsigned n) {
	for (unsigned w = page / 64; w * 64 < page + n; w++)
		map->words[w] &= ~bitmap_mask(w, page, n);
}

/* The bits [page, page + 16) as a number, the first as its lowest bit; 0 for those beyond the last
 * page. */
static inline uint16_t bitmap_16(const struct bitmap *map, unsigned page) {
	unsigned shift = page % 64;
	uint64_t bits = map->words[page / 64] >> shift;
	if (shift > 48 && page / 64 + 1 < BITMAP_WORDS)
		bits |= map->words[page / 64 + 1] << (64 - shift);
	return (uint16_t)bits;
}

#endif

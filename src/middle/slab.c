/* slab.c (level 2): see slab.h. */
#include "middle/slab.h"

static unsigned words(const struct slab *slab) { return (slab->nslots + 63u) / 64; }

void slab_init(struct slab *slab, char *base, size_t size, unsigned npages, uint16_t dirty) {
	slab->base = base;
	slab->size = (uint32_t)size;
	slab->inverse = (uint32_t)((((uint64_t)1 << 32) + size - 1) / size);
	slab->nslots = slab->nfree = (uint16_t)(npages * PAGE_SIZE / size);
	slab->first = 0;
	slab->dirty = dirty;
	slab->npages = (unsigned char)npages;
	slab->isolated = 0;
	slab->empty = (uint16_t)((1u << npages) - 1);
	for (unsigned page = 0; page < npages; page++)
		slab_taken_on(slab)[page] = 0;
	for (unsigned w = 0; w < words(slab); w++)
		slab->bits[w] = ~(uint64_t)0;
	if (slab->nslots % 64)
		slab->bits[words(slab) - 1] >>= 64 - slab->nslots % 64;
}

/* The pages under slots [from, to], a bit each. */
static uint16_t pages_under(const struct slab *slab, unsigned from, unsigned to) {
	unsigned first = (unsigned)((size_t)from * slab->size >> PAGE_SHIFT);
	unsigned last = (unsigned)((((size_t)to + 1) * slab->size - 1) >> PAGE_SHIFT);
	return (uint16_t)((2u << last) - (1u << first));
}

/* Counts the slots `bits` of word w, n > 0 of them, as taken on their pages. */
static void count_on_pages(struct slab *slab, unsigned w, uint64_t bits, unsigned n) {
	unsigned char *taken_on = slab_taken_on(slab);
	unsigned lowest = w * 64 + (unsigned)__builtin_ctzl(bits);
	uint16_t pages = pages_under(slab, lowest, w * 64 + 63 - (unsigned)__builtin_clzl(bits));
	if (likely(is_power_of_two(pages))) {
		taken_on[__builtin_ctz(pages)] += (unsigned char)n;
	} else {
		pages = 0;
		for (; bits; bits &= bits - 1) {
			unsigned slot = w * 64 + (unsigned)__builtin_ctzl(bits);
			unsigned under = pages_under(slab, slot, slot);
			pages |= (uint16_t)under;
			for (; under; under &= under - 1)
				taken_on[__builtin_ctz(under)]++;
		}
	}
	slab->dirty |= pages;
	slab->empty &= (uint16_t)~pages;
}

/* Takes up to n of the slots `bits` of word w. */
static unsigned take_from_word(struct slab *slab, unsigned w, uint64_t bits, void **slots, unsigned n) {
	uint64_t before = slab->bits[w], rest = bits;
	unsigned taken = 0;
	while (rest && taken < n) {
		unsigned slot = w * 64 + (unsigned)__builtin_ctzl(rest);
		slots[taken++] = slab->base + (size_t)slot * slab->size;
		rest &= rest - 1;
	}
	slab_set_word(slab, w, before & ~(bits ^ rest));
	if (taken)
		count_on_pages(slab, w, bits ^ rest, taken);
	return taken;
}

unsigned slab_take(struct slab *slab, void **slots, unsigned n) {
	unsigned taken = 0, w = slab->first;
	n = n < slab->nfree ? n : slab->nfree;
	while (taken < n) {
		taken += take_from_word(slab, w, slab->bits[w], slots + taken, n - taken);
		if (!slab->bits[w])
			w++;
	}
	slab->first = (uint16_t)w;
	slab->nfree = (uint16_t)(slab->nfree - taken);
	return taken;
}

void *slab_take_nth(struct slab *slab, unsigned n) {
	unsigned w = slab->first, count;
	void *slot;
	while ((count = (unsigned)__builtin_popcountl(slab->bits[w])) <= n) {
		n -= count;
		w++;
	}
	uint64_t bits = slab->bits[w];
	while (n--)
		bits &= bits - 1;
	take_from_word(slab, w, bits & -bits, &slot, 1);
	slab->nfree--;
	return slot;
}

unsigned slab_take_line(struct slab *slab, void **slots) {
	if (slab->size >= CACHE_LINE)
		return 0;
	unsigned group =
	        CACHE_LINE % slab->size ? 4 : CACHE_LINE / slab->size; /* 4 of 48 bytes fill 3 lines */
	uint64_t starts = group == 2 ? 0x5555555555555555 : 0x1111111111111111;
	for (unsigned w = slab->first; w < words(slab); w++) {
		uint64_t whole = slab->bits[w] & slab->bits[w] >> 1;
		whole &= (group == 2 ? whole : whole >> 2) & starts;
		if (!whole)
			continue;
		uint64_t line = (((uint64_t)1 << group) - 1) << __builtin_ctzl(whole);
		slab->nfree = (uint16_t)(slab->nfree - group);
		return take_from_word(slab, w, line, slots, group);
	}
	return 0;
}

bool slab_is_isolated(const struct slab *slab, unsigned slot) {
	return slab->isolated & pages_under(slab, slot, slot);
}

/* Flips the bits of slots [from, end); returns how many. */
static unsigned flip_slots(struct slab *slab, unsigned from, unsigned end) {
	for (unsigned slot = from; slot < end; slot = (slot / 64 + 1) * 64) {
		unsigned w = slot / 64;
		uint64_t mask = ~(uint64_t)0 << (slot % 64);
		if (end < (w + 1) * 64)
			mask &= ~(~(uint64_t)0 << (end % 64));
		slab_set_word(slab, w, slab_word(slab, w) ^ mask);
	}
	return end > from ? end - from : 0;
}

/* Flips the bits of the slots that overlap `pages`, each once; returns how many. */
static unsigned flip_pages(struct slab *slab, uint16_t pages) {
	unsigned flipped = 0, end = 0;
	for (unsigned rest = pages; rest; rest &= rest - 1) {
		size_t offset = (size_t)__builtin_ctz(rest) << PAGE_SHIFT;
		unsigned from = slab_index(slab, offset) > end ? slab_index(slab, offset) : end;
		end = slab_index(slab, offset + PAGE_SIZE - 1) + 1;
		end = end < slab->nslots ? end : slab->nslots;
		flipped += flip_slots(slab, from, end);
	}
	return flipped;
}

void slab_isolate(struct slab *slab, uint16_t pages) {
	slab->nfree = (uint16_t)(slab->nfree - flip_pages(slab, pages));
	slab->isolated = pages;
}

void slab_put_back(struct slab *slab, uint16_t purged) {
	slab->nfree = (uint16_t)(slab->nfree + flip_pages(slab, slab->isolated));
	slab->first = 0;
	slab->isolated = 0;
	slab->dirty &= (uint16_t)~purged;
}

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

/* Takes up to n of the slots `bits` of word w. */
static unsigned take_from_word(struct slab *slab, unsigned w, uint64_t bits, void **slots, unsigned n) {
	uint64_t others = slab->bits[w] & ~bits;
	unsigned taken = 0;
	while (bits && taken < n) {
		unsigned slot = w * 64 + (unsigned)__builtin_ctzl(bits);
		slots[taken++] = slab->base + (size_t)slot * slab->size;
		bits &= bits - 1;
	}
	uint64_t gone = slab->bits[w] ^ (bits | others);
	slab_set_word(slab, w, bits | others);
	if (gone)
		slab->dirty |= pages_under(slab, w * 64 + (unsigned)__builtin_ctzl(gone),
		                           w * 64 + 63 - (unsigned)__builtin_clzl(gone));
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

uint16_t slab_empty_pages(const struct slab *slab) {
	uint16_t occupied = 0;
	for (unsigned w = 0; w < words(slab); w++) {
		unsigned last_slot = w * 64 + 63;
		uint64_t taken = ~slab->bits[w];
		if (last_slot >= slab->nslots)
			taken &= ~(uint64_t)0 >> (last_slot + 1 - slab->nslots);
		while (taken) {
			unsigned slot = w * 64 + (unsigned)__builtin_ctzl(taken);
			occupied |= pages_under(slab, slot, slot);
			/* Slots that end on the last page just marked add nothing to it. */
			size_t end = align_up(((size_t)slot + 1) * slab->size, PAGE_SIZE);
			unsigned next = (unsigned)(end / slab->size);
			if (next <= slot + 1 || next > last_slot)
				taken = next > last_slot ? 0 : taken & (taken - 1);
			else
				taken &= ~(uint64_t)0 << (next - w * 64);
		}
	}
	return slab->dirty & (uint16_t)~occupied;
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

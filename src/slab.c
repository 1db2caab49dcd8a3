/* slab.c (rank 1): see slab.h. */
#include "slab.h"

static unsigned words(const struct slab *slab) { return (slab->nslots + 63u) / 64; }

void slab_init(struct slab *slab, char *base, size_t size, unsigned npages, uint16_t touched) {
	slab->base = base;
	slab->size = (uint32_t)size;
	slab->inverse = (uint32_t)((((uint64_t)1 << 32) + size - 1) / size);
	slab->nslots = slab->nfree = (uint16_t)(npages * PAGE_SIZE / size);
	slab->first = 0;
	slab->touched = touched;
	slab->npages = (unsigned char)npages;
	slab->withdrawn = 0;
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

/* Takes up to n slots from one word of the bitmap. */
static unsigned take_from_word(struct slab *slab, unsigned w, void **slots, unsigned n) {
	uint64_t bits = slab->bits[w];
	unsigned taken = 0;
	while (bits && taken < n) {
		unsigned slot = w * 64 + (unsigned)__builtin_ctzl(bits);
		slots[taken++] = slab->base + (size_t)slot * slab->size;
		bits &= bits - 1;
	}
	uint64_t gone = slab->bits[w] ^ bits;
	slab_set_word(slab, w, bits);
	if (gone)
		slab->touched |= pages_under(slab, w * 64 + (unsigned)__builtin_ctzl(gone),
		                             w * 64 + 63 - (unsigned)__builtin_clzl(gone));
	return taken;
}

unsigned slab_take(struct slab *slab, void **slots, unsigned n) {
	unsigned taken = 0, w = slab->first;
	n = n < slab->nfree ? n : slab->nfree;
	while (taken < n) {
		taken += take_from_word(slab, w, slots + taken, n - taken);
		if (!slab->bits[w])
			w++;
	}
	slab->first = (uint16_t)w;
	slab->nfree = (uint16_t)(slab->nfree - taken);
	return taken;
}

bool slab_is_withdrawn(const struct slab *slab, unsigned slot) {
	return slab->withdrawn & pages_under(slab, slot, slot);
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
			/* The other slots of the last page just marked need no look of their own. */
			size_t end = align_up(((size_t)slot + 1) * slab->size, PAGE_SIZE);
			unsigned next = (unsigned)(end / slab->size);
			if (next <= slot + 1 || next > last_slot)
				taken = next > last_slot ? 0 : taken & (taken - 1);
			else
				taken &= ~(uint64_t)0 << (next - w * 64);
		}
	}
	return slab->touched & (uint16_t)~occupied;
}

/* Moves the slots that overlap `pages` between free and taken. */
static void flip_slots(struct slab *slab, uint16_t pages, bool make_free) {
	unsigned slot = 0;
	for (unsigned page = 0; page < slab->npages; page++) {
		if (!(pages >> page & 1))
			continue;
		unsigned first = slab_index(slab, (size_t)page << PAGE_SHIFT);
		unsigned end = slab_index(slab, ((size_t)(page + 1) << PAGE_SHIFT) - 1) + 1;
		for (slot = first > slot ? first : slot; slot < end && slot < slab->nslots; slot++) {
			slab_set_word(slab, slot / 64,
			              slab_word(slab, slot / 64) ^ (uint64_t)1 << (slot % 64));
			slab->nfree = (uint16_t)(slab->nfree + (make_free ? 1 : -1));
			if (make_free && slot / 64 < slab->first)
				slab->first = (uint16_t)(slot / 64);
		}
	}
}

void slab_withdraw(struct slab *slab, uint16_t pages) {
	flip_slots(slab, pages, false);
	slab->withdrawn = pages;
}

void slab_restore(struct slab *slab, uint16_t purged) {
	flip_slots(slab, slab->withdrawn, true);
	slab->withdrawn = 0;
	slab->touched &= (uint16_t)~purged;
}

bool slab_check(const struct slab *slab) {
	unsigned set = 0;
	for (unsigned w = 0; w < words(slab); w++) {
		if (w < slab->first && slab->bits[w])
			return false; /* S2 */
		set += (unsigned)__builtin_popcountl(slab->bits[w]);
	}
	if (slab->nslots % 64 && slab->bits[words(slab) - 1] >> slab->nslots % 64)
		return false; /* S1 */
	return set == slab->nfree;
}

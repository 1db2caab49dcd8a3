/* slab.h (level 2): a run of equal slots and the bitmap of those that are free. Pure: it never
 * touches the slots. The lock of the class's central list guards it.
 *
 * S1. nfree is the number of set bits; bits beyond nslots are clear.
 * S2. No bit is set below word `first`.
 * S3. Bit p of `dirty` is set when page p may hold data. It is set for every page under a taken
 *     slot, and cleared only by a purge of the page.
 * S4. A slot on an isolated page is free, but its bit is clear, so that it is not handed out.
 * S5. taken_on[p] is the number of taken slots that lie on page p or reach into it, modulo 256; bit p
 *     of `empty` is set when there are none. There are at most 256, of 16 bytes each: the step down
 *     from these is to 255, so that a step down to 0 is always to none.
 */
#ifndef SLAB_H
#define SLAB_H

#include "ground/list.h"

struct slab {
	struct list link; /* the central list's */
	char *base;
	uint32_t size;    /* of a slot, bytes */
	uint32_t inverse; /* ceil(2^32 / size): a division by multiplying */
	uint16_t nslots, nfree;
	uint16_t first; /* the lowest word that may have a set bit */
	uint16_t dirty; /* a bit per page */
	unsigned char class, npages;
	uint16_t isolated; /* a bit per page (S4) */
	uint16_t empty;    /* a bit per page (S5) */
	uint16_t enough;   /* the central list's: with more free slots the slab moves to another list */
	uint16_t
	        scavenged; /* the central list's: the pages that a scavenge purged and no slot was taken on since */
	unsigned char bucket; /* the central list's: the list that it is on */
	uint64_t bits[];      /* behind them lies taken_on, a number for each page */
};

enum slab_answer { SLAB_OK, SLAB_INSIDE, SLAB_TAIL, SLAB_ALREADY_FREE };

/* The bytes of record that a slab of nslots on npages needs. */
static inline size_t slab_record_size(unsigned nslots, unsigned npages) {
	return offsetof(struct slab, bits) + (nslots + 63) / 64 * sizeof(uint64_t) + npages;
}

static inline unsigned char *slab_taken_on(const struct slab *slab) {
	return (unsigned char *)(uintptr_t)&slab->bits[(slab->nslots + 63u) / 64];
}

/* Makes a slab of which all slots are free; `dirty`: its dirty pages, a bit each. */
void slab_init(struct slab *slab, char *base, size_t size, unsigned npages, uint16_t dirty);

/* Takes up to n of the lowest free slots, in address order; returns how many. */
unsigned slab_take(struct slab *slab, void **slots, unsigned n);

/* Takes the nth of the free slots (0 … nfree - 1). */
void *slab_take_nth(struct slab *slab, unsigned n);

/* Takes all slots of one line of the processor's cache, all of them free (of three lines for
 * 48-byte slots, which straddle lines); returns how many: 0 when there is no such line, or the
 * slots are as long as a line. */
unsigned slab_take_line(struct slab *slab, void **slots);

/* floor(offset / size): exact while offset * size < 2^32, which 64 KiB slabs of 32 KiB slots stay
 * below. */
static inline unsigned slab_index(const struct slab *slab, size_t offset) {
	return (unsigned)((uint64_t)offset * slab->inverse >> 32);
}

/* Whether an address lies on the slab's pages. */
static inline bool slab_spans(const struct slab *slab, const void *address) {
	return (size_t)((const char *)address - slab->base) < slab->npages * PAGE_SIZE;
}

/* The words of the bitmap change under the central list's lock. slab_judge may read one without it,
 * for the bit of a slot that is the caller's; hence the atomic accesses. */
static inline uint64_t slab_word(const struct slab *slab, unsigned w) {
	return __atomic_load_n(&slab->bits[w], __ATOMIC_RELAXED);
}
static inline void slab_set_word(struct slab *slab, unsigned w, uint64_t bits) {
	__atomic_store_n(&slab->bits[w], bits, __ATOMIC_RELAXED);
}

/* Whether a slot lies on a page that is isolated (S4). */
bool slab_is_isolated(const struct slab *slab, unsigned slot);

/* Which slot starts at a pointer into the slab; SLAB_OK when one does. */
static inline enum slab_answer slab_find(const struct slab *slab, const void *pointer, unsigned *index) {
	size_t offset = (size_t)((const char *)pointer - slab->base);
	*index = slab_index(slab, offset);
	if (unlikely(*index >= slab->nslots))
		return SLAB_TAIL;
	return unlikely((size_t)*index * slab->size != offset) ? SLAB_INSIDE : SLAB_OK;
}

/* Whether a pointer into the slab is a taken slot, and if not, what it is. */
static inline enum slab_answer slab_judge(const struct slab *slab, const void *slot) {
	unsigned index;
	enum slab_answer answer = slab_find(slab, slot, &index);
	if (unlikely(answer != SLAB_OK))
		return answer;
	return unlikely(slab_word(slab, index / 64) >> (index % 64) & 1) ? SLAB_ALREADY_FREE : SLAB_OK;
}

/* Frees a slot; anything but SLAB_OK leaves the slab as it was. */
static inline enum slab_answer slab_put(struct slab *slab, const void *slot) {
	unsigned index;
	enum slab_answer answer = slab_find(slab, slot, &index);
	if (unlikely(answer != SLAB_OK))
		return answer;
	uint64_t word = slab_word(slab, index / 64), bit = (uint64_t)1 << (index % 64);
	if (unlikely(word & bit) || (unlikely(slab->isolated) && slab_is_isolated(slab, index)))
		return SLAB_ALREADY_FREE;
	slab_set_word(slab, index / 64, word | bit);
	slab->nfree++;
	if (index / 64 < slab->first)
		slab->first = (uint16_t)(index / 64);
	size_t start = (size_t)index * slab->size, last = (start + slab->size - 1) >> PAGE_SHIFT;
	for (size_t page = start >> PAGE_SHIFT; page <= last; page++)
		if (unlikely(!--slab_taken_on(slab)[page]))
			slab->empty |= (uint16_t)(1u << page);
	return SLAB_OK;
}

/* The slot that holds the address: its start. */
static inline char *slab_slot_of(const struct slab *slab, const void *address) {
	return slab->base +
	       (size_t)slab_index(slab, (size_t)((const char *)address - slab->base)) * slab->size;
}

/* The pages, a bit each, that a purge would give back: dirty, without a taken slot, and not isolated
 * already. */
static inline uint16_t slab_purgeable(const struct slab *slab) {
	return slab->empty & slab->dirty & (uint16_t)~slab->isolated;
}

/* Isolates purgeable pages: every slot on them is taken out of the bitmap, so that the
 * pages can be purged without the lock. slab_put_back puts all isolated pages back, those of
 * `purged` as clean ones. */
void slab_isolate(struct slab *slab, uint16_t pages);
void slab_put_back(struct slab *slab, uint16_t purged);

/* Whether S1 … S5 hold. In slab_check.c: debug builds and tests only. */
bool slab_check(const struct slab *slab);

#endif

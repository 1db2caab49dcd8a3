/* mutate.c: alters every bit and every link of valid structures; the checker must notice each time.
 *
 * A checker that verifies nothing passes every other test. What is not altered, and why:
 *   buddy    nleaves, height, stride, bits, links: the geometry, given at init and never written again; a
 * checker that doubted it would have nothing to read the rest by. Links of leaves that start no free block,
 * and the heads of orders above the root's, are no part of the structure: here it is shown that the checker
 * ignores them. Padding of the last word of an arena below 16 leaves: no node has these bits.
 *   slab     first may be lower than needed: the search then begins with empty words (S2 still holds). dirty
 * of pages without a taken slot: they may have been written or not.
 *   chunk    the bit by which npages_at tells a retained span from a live one: no other field knows it. dirty
 * of pages in use: they say nothing until the page is freed (C4).
 */
#include "tap.h"

#include "buddy.h"
#include "back/chunk.h"
#include "middle/central.h"
#include "middle/sizeclass.h"
#include "middle/slab.h"

#include <string.h>

/* One group of mutations, counted, as one line of TAP. */
struct tally {
	const char *name;
	unsigned long made, missed;
};

static void note(struct tally *tally, bool noticed) {
	tally->made++;
	tally->missed += !noticed;
}

static void report(const struct tally *tally) {
	ok(tally->made > 0 && tally->missed == 0, "%s: %lu mutations, %lu unnoticed", tally->name,
	   tally->made, tally->missed);
}

/* Takes an item off its list, and bends each of its links. `holds` runs the checker. */
static void alter_item(struct tally *tally, struct list *item, bool (*holds)(void)) {
	struct list *prev = item->prev, *next = item->next;
	list_delete(item);
	note(tally, !holds());
	list_add_between(item, prev, next);
	item->next = item;
	note(tally, !holds());
	item->next = next;
	item->prev = item;
	note(tally, !holds());
	item->prev = prev;
}

/* Puts an item that is on no list behind one that is on a list to which it does not belong. */
static void stray(struct tally *tally, struct list *at, struct list *item, bool (*holds)(void)) {
	list_push(at, item);
	note(tally, !holds());
	list_delete(item);
}

/* The same for an item that is on another list. */
static void move_astray(struct tally *tally, struct list *at, struct list *item, bool (*holds)(void)) {
	struct list *prev = item->prev, *next = item->next;
	list_delete(item);
	stray(tally, at, item, holds);
	list_add_between(item, prev, next);
}

/* ---- buddy ---- */

enum { LEAVES_MAX = 512, LEAF_BYTES = 16 };

static struct buddy buddy;
static uint32_t bits[BUDDY_WORDS(LEAVES_MAX)];
static _Alignas(16) unsigned char memory[LEAVES_MAX * LEAF_BYTES];

/* Mixed blocks: runs of many lengths, every third freed again. */
static void make_mixed(uint32_t nleaves, uint32_t stride, unsigned variant) {
	uint32_t leaves[LEAVES_MAX], lengths[LEAVES_MAX], n = 0;
	memset(bits, 0, sizeof bits);
	memset(memory, 0, sizeof memory);
	buddy_init(&buddy, nleaves, bits, memory, stride);
	for (uint32_t i = 0; i < nleaves / 4 + 1 && variant < 4; i++) {
		lengths[n] = 1 + (i * 7 + variant) % (nleaves > 64 ? 9 : 3);
		leaves[n] = buddy_take(&buddy, lengths[n], i % 5 == 0);
		n += leaves[n] != BUDDY_NONE;
	}
	for (uint32_t i = variant % 3; i < n; i += 3)
		buddy_put(&buddy, leaves[i], lengths[i]);
	if (variant == 5) /* all of it allocated as one; variant 4: all of it free */
		buddy_take(&buddy, nleaves, 0);
}

static struct buddy_link *link_of(uint32_t leaf) {
	return (struct buddy_link *)(void *)(memory + (size_t)leaf * buddy.stride);
}

static void flip_word(struct tally *tally, uint32_t *word, unsigned nbits) {
	for (unsigned bit = 0; bit < nbits; bit++) {
		*word ^= 1u << bit;
		note(tally, buddy_check(&buddy) != 0);
		*word ^= 1u << bit;
	}
}

/* Every single bit, every small step, and every other index a link could have. */
static void alter_link(struct tally *tally, uint32_t *field) {
	uint32_t right = *field;
	flip_word(tally, field, 32);
	for (uint32_t value = 0; value <= buddy.nleaves + buddy.height; value++) {
		*field = value;
		if (value != right)
			note(tally, buddy_check(&buddy) != 0);
	}
	*field = right;
}

static void mutate_buddy(struct tally *of_bits, struct tally *of_links, struct tally *of_mask) {
	for (uint32_t node = 0; node < 2 * buddy.nleaves; node++) {
		bits[node / 32] ^= 1u << (node % 32);
		note(of_bits, buddy_check(&buddy) != 0);
		bits[node / 32] ^= 1u << (node % 32);
	}
	for (uint32_t order = 0; order <= buddy.height; order++) {
		alter_link(of_links, &buddy.heads[order].next);
		alter_link(of_links, &buddy.heads[order].prev);
	}
	for (uint32_t leaf = 0; leaf < buddy.nleaves; leaf++) {
		if (buddy_free_order(&buddy, leaf) >= 0) {
			alter_link(of_links, &link_of(leaf)->next);
			alter_link(of_links, &link_of(leaf)->prev);
		}
	}
	flip_word(of_mask, &buddy.mask, 32);
}

/* What is no part of the structure may hold anything. */
static bool ignores_the_rest(void) {
	for (uint32_t order = buddy.height + 1; order <= BUDDY_MAX_ORDER; order++)
		buddy.heads[order] = (struct buddy_link){0xdeadbeef, 0xdeadbeef};
	for (uint32_t leaf = 0; leaf < buddy.nleaves; leaf++)
		if (buddy_free_order(&buddy, leaf) < 0)
			memset(link_of(leaf), 0xa5, sizeof(struct buddy_link));
	if (2 * buddy.nleaves < 32)
		bits[0] |= ~0u << (2 * buddy.nleaves);
	return buddy_check(&buddy) == 0;
}

static void test_buddy(void) {
	struct tally of_bits = {.name = "buddy: every bit"}, of_links = {.name = "buddy: every link"},
	             of_mask = {.name = "buddy: every bit of the mask"};
	bool good = true, ignored = true;
	for (uint32_t nleaves = 1; nleaves <= LEAVES_MAX; nleaves *= 2) {
		for (unsigned variant = 0; variant < 6; variant++) {
			make_mixed(nleaves, variant % 2 ? LEAF_BYTES : sizeof(struct buddy_link), variant);
			good &= buddy_check(&buddy) == 0;
			if (nleaves != 256)
				mutate_buddy(&of_bits, &of_links, &of_mask);
			good &= buddy_check(&buddy) == 0;
			ignored &= ignores_the_rest();
		}
	}
	ok(good, "buddy: what was altered is restored, and right");
	ok(ignored, "buddy: what is no part of the structure is ignored");
	report(&of_bits);
	report(&of_links);
	report(&of_mask);
}

/* ---- slab ---- */

static _Alignas(64) unsigned char record[512];
static struct slab *const slab = (struct slab *)(void *)record;

static void make_slab(unsigned class, unsigned want, unsigned keep_one_of) {
	static void *slots[SLAB_MAX_SLOTS];
	slab_init(slab, (char *)0x7f0000000000, class_size(class), class_slab_pages(class, want), 0);
	unsigned n = slab_take(slab, slots, slab->nslots);
	for (unsigned i = 0; i < n; i++)
		if (keep_one_of && i % keep_one_of)
			slab_put(slab, slots[i]);
}

static void mutate_slab(struct tally *of_bits, struct tally *of_counts, struct tally *of_dirty) {
	for (unsigned bit = 0; bit < (slab->nslots + 63u) / 64 * 64; bit++) {
		slab->bits[bit / 64] ^= (uint64_t)1 << (bit % 64);
		note(of_bits, !slab_check(slab));
		slab->bits[bit / 64] ^= (uint64_t)1 << (bit % 64);
	}
	for (unsigned bit = 0; bit < 16; bit++) {
		slab->nfree ^= (uint16_t)(1u << bit);
		note(of_counts, !slab_check(slab));
		slab->nfree ^= (uint16_t)(1u << bit);
	}
	unsigned occupied = ~(unsigned)slab->empty;
	for (unsigned page = 0; page < slab->npages; page++) {
		slab->dirty ^= (uint16_t)(1u << page);
		if (occupied >> page & 1)
			note(of_dirty, !slab_check(slab));
		slab->dirty ^= (uint16_t)(1u << page);
	}
	unsigned lowest = 0;
	while (slab->nfree && !slab->bits[lowest])
		lowest++;
	for (unsigned first = lowest + 1; slab->nfree && first <= (slab->nslots + 63u) / 64; first++) {
		uint16_t right = slab->first;
		slab->first = (uint16_t)first;
		note(of_counts, !slab_check(slab));
		slab->first = right;
	}
}

static void test_slab(void) {
	struct tally of_bits = {.name = "slab: every bit"}, of_counts = {.name = "slab: nfree and first"},
	             of_dirty = {.name = "slab: dirty, of pages with a taken slot"};
	bool good = true;
	for (unsigned class = 1; class < CLASSES; class ++) {
		for (unsigned want = 1; want <= SLAB_MAX_PAGES; want *= 4) {
			for (unsigned keep_one_of = 0; keep_one_of < 5; keep_one_of++) {
				make_slab(class, want, keep_one_of * 13);
				good &= slab_check(slab);
				mutate_slab(&of_bits, &of_counts, &of_dirty);
				good &= slab_check(slab);
			}
		}
	}
	ok(good, "slab: what was altered is restored, and right");
	report(&of_bits);
	report(&of_counts);
	report(&of_dirty);
}

/* ---- central list ---- */

static void flip_bytes(struct tally *tally, void *field, size_t size, unsigned class) {
	for (size_t bit = 0; bit < size * 8; bit++) {
		((unsigned char *)field)[bit / 8] ^= (unsigned char)(1u << (bit % 8));
		note(tally, !central_check(class));
		((unsigned char *)field)[bit / 8] ^= (unsigned char)(1u << (bit % 8));
	}
}

enum { CLASS = 20 };
static bool central_holds(void) { return central_check(CLASS); }

/* Two slabs of a class, one nearly full and one nearly empty, as their central list sees them. */
static void test_heap(void) {
	enum { N = 100 };
	static void *slots[N];
	struct tally of_slabs = {.name = "central: its slabs' fields"},
	             of_maps = {.name = "central: the ways to its slabs"},
	             of_lists = {.name = "central: the lists of its slabs"};
	unsigned n = 0;
	while (n < N)
		n += central_refill(CLASS, slots + n, N - n > BATCH_MAX ? BATCH_MAX : N - n);
	struct slab *first = chunk_slab_of(slots[0]), *other = first;
	for (unsigned i = 0; i < N && other == first; i++)
		other = chunk_slab_of(slots[i]);
	for (unsigned i = 0; i < N; i++)
		if (chunk_slab_of(slots[i]) == first ? i % 5 == 1 : i % 5 != 1)
			central_flush(CLASS, &slots[i], 1);
	bool good = central_check(CLASS) && first != other;
	struct slab *both[] = {first, other};
	for (unsigned i = 0; i < 2; i++) {
		struct slab *one = both[i];
		struct chunk *chunk = (struct chunk *)pagemap_owner(one->base);
		flip_bytes(&of_slabs, &one->nfree, sizeof one->nfree, CLASS);
		flip_bytes(&of_slabs, &one->class, sizeof one->class, CLASS);
		flip_bytes(&of_slabs, &one->bucket, sizeof one->bucket, CLASS);
		flip_bytes(&of_slabs, &one->enough, sizeof one->enough, CLASS);
		flip_bytes(&of_slabs, &one->dirty, sizeof one->dirty, CLASS);
		alter_item(&of_lists, &one->link, central_holds);
		move_astray(&of_lists, &both[!i]->link, &one->link, central_holds);
		flip_bytes(&of_slabs, one->bits, (one->nslots + 7u) / 8, CLASS);
		flip_bytes(&of_maps, &chunk->slab_of_page[chunk_page(one->base)], sizeof(struct slab *),
		           CLASS);
		for (unsigned class = 0; class < CLASSES; class ++) {
			pagemap_set_class(one->base, 1, class);
			if (class != CLASS)
				note(&of_maps, !central_check(CLASS));
		}
		pagemap_set_class(one->base, 1, CLASS);
	}
	good &= central_check(CLASS);
	ok(good, "central: what was altered is restored, and right");
	report(&of_slabs);
	report(&of_maps);
	report(&of_lists);
}

/* ---- chunk ---- */

static bool chunk_holds(void) {
	lock_take(&chunk_lock);
	int broken = chunk_check();
	lock_release(&chunk_lock);
	return broken == 0;
}

static void flip_unsigned(struct tally *tally, unsigned *field) {
	for (unsigned bit = 0; bit < 32; bit++) {
		*field ^= 1u << bit;
		note(tally, !chunk_holds());
		*field ^= 1u << bit;
	}
}

/* The length of every span, and one at every page where none begins. */
static void mutate_spans(struct chunk *chunk, struct tally *of_spans) {
	for (unsigned page = 0; page < CHUNK_PAGES; page++) {
		uint16_t right = chunk->npages_at[page];
		for (unsigned bit = 0; bit < 16; bit++) {
			chunk->npages_at[page] = right ^ (uint16_t)(1u << bit);
			note(of_spans, !chunk_holds());
		}
		chunk->npages_at[page] = right;
	}
}

static void mutate_chunk(struct chunk *chunk, struct tally *of_fields, struct tally *of_dirty,
                         struct tally *of_buddy) {
	flip_unsigned(of_fields, &chunk->nused);
	flip_unsigned(of_fields, &chunk->ndirty);
	flip_unsigned(of_fields, &chunk->place);
	for (unsigned page = 0; page < CHUNK_PAGES; page++) {
		if (buddy_next_free(&chunk->buddy, page) != page)
			continue;
		chunk->dirty.words[page / 64] ^= (uint64_t)1 << (page % 64);
		note(of_dirty, !chunk_holds());
		chunk->dirty.words[page / 64] ^= (uint64_t)1 << (page % 64);
	}
	for (unsigned node = 0; node < 2 * CHUNK_PAGES; node += 3) {
		chunk->bits[node / 32] ^= 1u << (node % 32);
		note(of_buddy, !chunk_holds());
		chunk->bits[node / 32] ^= 1u << (node % 32);
	}
	flip_unsigned(of_buddy, &chunk->buddy.mask);
}

/* `full` is on neither list, `mixed` on both, `sparse` on the list of another place alone. */
static void mutate_lists(struct chunk *full, struct chunk *mixed, struct chunk *sparse,
                         struct tally *of_lists) {
	struct chunk *each[] = {full, mixed, sparse};
	for (unsigned i = 0; i < 3; i++)
		alter_item(of_lists, &each[i]->all_link, chunk_holds);
	alter_item(of_lists, &mixed->link, chunk_holds);
	alter_item(of_lists, &sparse->link, chunk_holds);
	alter_item(of_lists, &mixed->dirty_link, chunk_holds);
	stray(of_lists, &mixed->link, &full->link, chunk_holds);
	stray(of_lists, &mixed->dirty_link, &full->dirty_link, chunk_holds);
	stray(of_lists, &mixed->dirty_link, &sparse->dirty_link, chunk_holds);
	move_astray(of_lists, &mixed->link, &sparse->link, chunk_holds);
	move_astray(of_lists, &sparse->link, &mixed->link, chunk_holds);
}

/* Three chunks: full, mixed, and nearly empty; each is altered among the others. */
static void test_chunk(void) {
	enum { SPANS = 400 };
	static struct span spans[SPANS];
	struct tally of_fields = {.name = "chunk: nused, ndirty, place"},
	             of_dirty = {.name = "chunk: dirty, of free pages"},
	             of_buddy = {.name = "chunk: its buddy's bits and mask"},
	             of_spans = {.name = "chunk: the length of every span"},
	             of_lists = {.name = "chunk: the lists"};
	struct span full = chunk_take(CHUNK_PAGES, 0), sparse;
	for (unsigned i = 0; i < SPANS / 4; i++)
		spans[i] = chunk_take(1 + i % 9, 0);
	for (unsigned i = 0; i < SPANS / 4; i += 2)
		chunk_put(spans[i].chunk, spans[i].base, i % 3 ? UINT16_MAX : 5);
	sparse = chunk_take(CHUNK_PAGES / 2 + 1, 0);
	bool good = chunk_holds();
	mutate_chunk(full.chunk, &of_fields, &of_dirty, &of_buddy);
	mutate_chunk(spans[1].chunk, &of_fields, &of_dirty, &of_buddy);
	mutate_chunk(sparse.chunk, &of_fields, &of_dirty, &of_buddy);
	mutate_spans(full.chunk, &of_spans);
	mutate_spans(spans[1].chunk, &of_spans);
	mutate_spans(sparse.chunk, &of_spans);
	mutate_lists(full.chunk, spans[1].chunk, sparse.chunk, &of_lists);
	good &= chunk_holds();
	ok(good, "chunk: what was altered is restored, and right");
	report(&of_fields);
	report(&of_dirty);
	report(&of_buddy);
	report(&of_spans);
	report(&of_lists);
}

int main(void) {
	test_buddy();
	test_slab();
	test_heap();
	test_chunk();
	return done();
}

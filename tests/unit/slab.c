/* slab.c: slots taken and put, every judgement of every byte, and the pages of a scavenge against a reference.
 */
#include "unit.h"

#include "middle/sizeclass.h"
#include "middle/slab.h"

enum { RECORD_BYTES = 512 };

/* A record and its slots; the slots' memory is never dirty, so an address is enough. */
struct fixture {
	_Alignas(64) unsigned char record[RECORD_BYTES];
	struct slab *slab;
	void *slots[SLAB_MAX_SLOTS];
};

static char *const base = (char *)0x7f0000400000;

static struct slab *make(struct fixture *fixture, unsigned class, unsigned want, uint16_t dirty) {
	unsigned npages = class_slab_pages(class, want);
	size_t size = class_size(class);
	assert_true(slab_record_size((unsigned)(npages * PAGE_SIZE / size), npages) <= RECORD_BYTES / 2);
	memset(fixture->record, 0xa5, sizeof fixture->record);
	fixture->slab = (struct slab *)(void *)fixture->record;
	slab_init(fixture->slab, base, size, npages, dirty);
	assert_true(slab_check(fixture->slab));
	assert_int_equal(fixture->slab->nslots, npages * PAGE_SIZE / size);
	return fixture->slab;
}

#define FOR_EVERY_SHAPE(class, want)                                                                         \
	for (unsigned class = 1; class < CLASSES; class ++)                                                  \
		for (unsigned want = 1; want <= SLAB_MAX_PAGES; want *= 2)

static bool is_free(const struct slab *slab, unsigned slot) {
	return slab->bits[slot / 64] >> (slot % 64) & 1;
}
static unsigned slot_of(const struct slab *slab, const void *address) {
	return (unsigned)((size_t)((const char *)address - slab->base) / slab->size);
}

/* The pages under the slots for which `wanted` holds. */
static uint16_t pages_of(const struct slab *slab, bool (*wanted)(const struct slab *, unsigned)) {
	uint16_t pages = 0;
	for (unsigned slot = 0; slot < slab->nslots; slot++)
		for (size_t byte = 0; wanted(slab, slot) && byte < slab->size; byte++)
			pages |= (uint16_t)(1u << ((slot * (size_t)slab->size + byte) / PAGE_SIZE));
	return pages;
}

static bool is_taken(const struct slab *slab, unsigned slot) { return !is_free(slab, slot); }

/* Whether a slot shares a line of the processor's cache with a slot of the others. */
static bool shares_line(const struct slab *slab, const char *slot, void *const *others, unsigned n) {
	for (unsigned i = 0; i < n; i++) {
		size_t other = (size_t)others[i] / CACHE_LINE,
		       other_end = ((size_t)others[i] + slab->size - 1) / CACHE_LINE;
		if ((size_t)slot / CACHE_LINE <= other_end &&
		    ((size_t)slot + slab->size - 1) / CACHE_LINE >= other)
			return true;
	}
	return false;
}

TEST(a_line_is_taken_whole_or_not_at_all) {
	static const unsigned per_line[] = {0, 4, 2, 4, 0, 0};
	for (unsigned class = 1; class < sizeof per_line / sizeof *per_line; class ++) {
		struct fixture fixture;
		struct slab *slab = make(&fixture, class, 1, 0);
		void *taken[SLAB_MAX_SLOTS], *line[4];
		unsigned n = slab_take(slab, taken, 1), got;
		uint64_t seed = class;
		while ((got = slab_take_line(slab, line))) {
			assert_int_equal(got, per_line[class]);
			for (unsigned i = 0; i < got; i++)
				assert_false(shares_line(slab, line[i], taken, n));
			for (unsigned i = 0; i < got; i++)
				taken[n++] = line[i];
			assert_true(slab_check(slab));
			assert_int_equal(slab->nfree, slab->nslots - n);
			if (next_random(&seed) % 3 == 0)
				assert_int_equal(slab_put(slab, taken[--n]), SLAB_OK);
		}
		assert_true(per_line[class] == 0 || slab->nfree < slab->nslots / 2);
		n += slab_take(slab, taken + n, slab->nslots);
		assert_int_equal(n, slab->nslots);
	}
}

TEST(a_new_slab_is_all_free_and_its_record_small) {
	FOR_EVERY_SHAPE(class, want) {
		struct fixture fixture;
		struct slab *slab = make(&fixture, class, want, 0);
		assert_int_equal(slab->nfree, slab->nslots);
		for (unsigned slot = 0; slot < slab->nslots; slot++)
			assert_true(is_free(slab, slot));
		size_t used = slab_record_size(slab->nslots, slab->npages);
		assert_true(is_filled(fixture.record + used, 0xa5,
		                      RECORD_BYTES - used)); /* nothing beyond it written */
	}
}

TEST(slots_come_in_address_order_and_none_twice) {
	FOR_EVERY_SHAPE(class, want) {
		struct fixture fixture;
		struct slab *slab = make(&fixture, class, want, 0);
		unsigned taken = 0;
		for (unsigned n = 1; taken < slab->nslots; n = n % 130 + 7)
			taken += slab_take(slab, fixture.slots + taken, n);
		assert_int_equal(taken, slab->nslots);
		for (unsigned slot = 0; slot < taken; slot++)
			assert_ptr_equal(fixture.slots[slot], base + (size_t)slot * slab->size);
		assert_int_equal(slab->nfree, 0);
		assert_int_equal(slab_take(slab, fixture.slots, 1), 0);
		assert_true(slab_check(slab));
	}
}

TEST(the_lowest_free_slots_go_first) {
	FOR_EVERY_SHAPE(class, want) {
		struct fixture fixture;
		struct slab *slab = make(&fixture, class, want, 0);
		void *again[3];
		unsigned n = slab_take(slab, fixture.slots, slab->nslots);
		if (n < 3)
			continue;
		assert_int_equal(slab_put(slab, fixture.slots[n - 1]), SLAB_OK);
		assert_int_equal(slab_put(slab, fixture.slots[n / 2]), SLAB_OK);
		assert_int_equal(slab_put(slab, fixture.slots[0]), SLAB_OK);
		assert_true(slab_check(slab));
		assert_int_equal(slab_take(slab, again, 3), 3);
		assert_ptr_equal(again[0], fixture.slots[0]);
		assert_ptr_equal(again[1], fixture.slots[n / 2]);
		assert_ptr_equal(again[2], fixture.slots[n - 1]);
	}
}

/* What slab_judge must say of an address, by division. */
static enum slab_answer judged_by_division(const struct slab *slab, size_t offset) {
	if (offset / slab->size >= slab->nslots)
		return SLAB_TAIL;
	if (offset % slab->size)
		return SLAB_INSIDE;
	return is_free(slab, (unsigned)(offset / slab->size)) ? SLAB_ALREADY_FREE : SLAB_OK;
}

TEST(every_byte_is_judged) {
	FOR_EVERY_SHAPE(class, want) {
		struct fixture fixture;
		struct slab *slab = make(&fixture, class, want, 0);
		slab_take(slab, fixture.slots, (slab->nslots + 1u) / 2);
		for (size_t offset = 0; offset < slab->npages * PAGE_SIZE; offset++) {
			enum slab_answer answer = slab_judge(slab, base + offset);
			assert_int_equal(answer, judged_by_division(slab, offset));
			if (answer != SLAB_TAIL)
				assert_ptr_equal(slab_slot_of(slab, base + offset),
				                 base + offset - offset % slab->size);
		}
	}
}

TEST(a_wrong_put_changes_nothing) {
	FOR_EVERY_SHAPE(class, want) {
		struct fixture fixture;
		unsigned char before[RECORD_BYTES];
		struct slab *slab = make(&fixture, class, want, 0);
		slab_take(slab, fixture.slots, (slab->nslots + 1u) / 2);
		memcpy(before, fixture.record, sizeof before);
		size_t past_the_last = (size_t)slab->nslots * slab->size;
		assert_int_equal(slab_put(slab, base + 1), SLAB_INSIDE);
		if (slab->nslots > 1)
			assert_int_equal(slab_put(slab, base + past_the_last - slab->size),
			                 SLAB_ALREADY_FREE);
		if (past_the_last < slab->npages * PAGE_SIZE)
			assert_int_equal(slab_put(slab, base + past_the_last), SLAB_TAIL);
		assert_memory_equal(before, fixture.record, sizeof before);
	}
}

TEST(a_slot_put_twice_is_named) {
	struct fixture fixture;
	struct slab *slab = make(&fixture, 3, 1, 0);
	slab_take(slab, fixture.slots, 10);
	assert_int_equal(slab_put(slab, fixture.slots[4]), SLAB_OK);
	assert_int_equal(slab_put(slab, fixture.slots[4]), SLAB_ALREADY_FREE);
	assert_int_equal(slab->nfree, slab->nslots - 9);
	assert_true(slab_check(slab));
}

/* ---- pages ---- */

TEST(pages_are_dirty_when_their_slots_are_taken) {
	FOR_EVERY_SHAPE(class, want) {
		struct fixture fixture;
		struct slab *slab = make(&fixture, class, want, 0);
		while (slab->nfree) {
			slab_take(slab, fixture.slots, 1 + slab->nslots / 5);
			assert_int_equal(slab->dirty, pages_of(slab, is_taken));
		}
		for (unsigned slot = 0; slot < slab->nslots; slot++)
			slab_put(slab, base + (size_t)slot * slab->size);
		assert_int_equal(slab->dirty, pages_of(slab, is_free)); /* once dirty, dirty until purged */
	}
}

TEST(pages_dirty_before_stay_so) {
	struct fixture fixture;
	struct slab *slab = make(&fixture, 1, 4, 0xa);
	assert_int_equal(slab->dirty, 0xa);
	slab_take(slab, fixture.slots, 1);
	assert_int_equal(slab->dirty, 0xb);
	assert_int_equal(slab_purgeable(slab), 0xa);
}

/* Frees a random share of the slots of a full slab. */
static void scatter(struct slab *slab, struct fixture *fixture, unsigned sixteenths, uint64_t *seed) {
	unsigned n = slab_take(slab, fixture->slots, slab->nslots);
	for (unsigned slot = 0; slot < n; slot++)
		if (next_random(seed) % 16 < sixteenths)
			assert_int_equal(slab_put(slab, fixture->slots[slot]), SLAB_OK);
}

TEST(empty_pages_are_those_without_a_taken_slot) {
	uint64_t seed = 5;
	FOR_EVERY_SHAPE(class, want) {
		for (unsigned sixteenths = 0; sixteenths <= 16; sixteenths += 4) {
			struct fixture fixture;
			struct slab *slab = make(&fixture, class, want, 0);
			scatter(slab, &fixture, sixteenths == 12 ? 15 : sixteenths, &seed);
			assert_int_equal(slab_purgeable(slab), slab->dirty & ~pages_of(slab, is_taken));
		}
	}
}

static bool overlaps(const struct slab *slab, unsigned slot, unsigned pages) {
	unsigned first = (unsigned)((size_t)slot * slab->size / PAGE_SIZE);
	unsigned last = (unsigned)((((size_t)slot + 1) * slab->size - 1) / PAGE_SIZE);
	for (unsigned page = first; page <= last; page++)
		if (pages >> page & 1)
			return true;
	return false;
}

static void check_scavenge(unsigned class, unsigned want, unsigned sixteenths, uint64_t *seed) {
	struct fixture fixture;
	uint64_t before[(SLAB_MAX_SLOTS + 63) / 64];
	struct slab *slab = make(&fixture, class, want, 0);
	scatter(slab, &fixture, sixteenths, seed);
	size_t words = (slab->nslots + 63u) / 64;
	unsigned nfree = slab->nfree, dirty = slab->dirty;
	uint16_t pages = slab_purgeable(slab);
	memcpy(before, slab->bits, words * sizeof *before);

	slab_isolate(slab, pages);
	assert_true(slab_check(slab));
	for (unsigned slot = 0; slot < slab->nslots; slot++) {
		bool was = before[slot / 64] >> (slot % 64) & 1;
		assert_int_equal(is_free(slab, slot), was && !overlaps(slab, slot, pages));
	}
	uint16_t purged = pages & (uint16_t)next_random(seed); /* as if the kernel took only some */
	slab_put_back(slab, purged);
	assert_true(slab_check(slab));
	assert_int_equal(slab->nfree, nfree);
	assert_memory_equal(slab->bits, before, words * sizeof *before);
	assert_int_equal(slab->dirty, dirty & ~purged);
	assert_int_equal(slab->isolated, 0);
	assert_int_equal(slab_purgeable(slab) & purged, 0); /* not purged twice */
}

TEST(a_scavenge_isolates_and_puts_back_exactly_the_empty_pages) {
	uint64_t seed = 9;
	FOR_EVERY_SHAPE(class, want) {
		check_scavenge(class, want, 8, &seed);
		check_scavenge(class, want, 14, &seed);
		check_scavenge(class, want, 16, &seed);
	}
}

TEST(slots_may_be_put_while_pages_are_isolated) {
	struct fixture fixture;
	struct slab *slab = make(&fixture, 8, 4, 0); /* 128 slots of 128 bytes, 32 to a page */
	void *again[128];
	slab_take(slab, fixture.slots, 128);
	for (unsigned slot = 32; slot < 96; slot++)
		slab_put(slab, fixture.slots[slot]);
	assert_int_equal(slab_purgeable(slab), 6);
	slab_isolate(slab, 6);
	assert_int_equal(slab->nfree, 0);
	assert_int_equal(slab_put(slab, fixture.slots[100]), SLAB_OK);
	assert_int_equal(slab_put(slab, fixture.slots[5]), SLAB_OK);
	assert_true(slab_check(slab));
	slab_put_back(slab, 6);
	assert_true(slab_check(slab));
	assert_int_equal(slab->nfree, 66);
	assert_int_equal(slab_take(slab, again, 128), 66);
	assert_ptr_equal(again[0], fixture.slots[5]);
	assert_ptr_equal(again[1], fixture.slots[32]);
	assert_ptr_equal(again[65], fixture.slots[100]);
}

/* ---- at random, against a byte per slot ---- */

static void run_random(unsigned class, unsigned want, uint64_t *seed) {
	struct fixture fixture;
	bool taken[SLAB_MAX_SLOTS] = {false};
	struct slab *slab = make(&fixture, class, want, 0);
	unsigned live = 0;
	for (unsigned i = 0; i < 200; i++) {
		unsigned n = slab_take(slab, fixture.slots, next_random(seed) % (slab->nslots / 2 + 2u));
		for (unsigned k = 0; k < n; k++) {
			unsigned slot = slot_of(slab, fixture.slots[k]);
			assert_false(taken[slot]);
			assert_true(k == 0 || fixture.slots[k] > fixture.slots[k - 1]);
			taken[slot] = true;
		}
		live += n;
		for (unsigned slot = next_random(seed) % 7; slot < slab->nslots;
		     slot += 1 + next_random(seed) % 5) {
			enum slab_answer answer = slab_put(slab, base + (size_t)slot * slab->size);
			assert_int_equal(answer, taken[slot] ? SLAB_OK : SLAB_ALREADY_FREE);
			live -= taken[slot];
			taken[slot] = false;
		}
		assert_true(slab_check(slab));
		assert_int_equal(slab->nfree, slab->nslots - live);
	}
}

/* A slot on an isolated page is free, though its bit is clear. */
TEST(a_slot_put_twice_is_named_also_while_its_page_is_isolated) {
	struct fixture fixture;
	struct slab *slab = make(&fixture, 8, 4, 0);
	slab_take(slab, fixture.slots, slab->nslots);
	for (unsigned i = 32; i < 64; i++)
		assert_int_equal(slab_put(slab, fixture.slots[i]), SLAB_OK);
	slab_isolate(slab, slab_purgeable(slab));
	assert_int_equal(slab_put(slab, fixture.slots[40]), SLAB_ALREADY_FREE);
	assert_int_equal(slab_put(slab, fixture.slots[10]), SLAB_OK);
	slab_put_back(slab, 2);
	assert_int_equal(slab->nfree, 33);
	assert_true(slab_check(slab));
}

TEST(random_takes_and_puts_match_a_byte_per_slot) {
	uint64_t seed = 11;
	for (unsigned class = 1; class < CLASSES; class += 3)
		for (unsigned want = 1; want <= SLAB_MAX_PAGES; want *= 4)
			run_random(class, want, &seed);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_line_is_taken_whole_or_not_at_all),
	        cmocka_unit_test(a_new_slab_is_all_free_and_its_record_small),
	        cmocka_unit_test(slots_come_in_address_order_and_none_twice),
	        cmocka_unit_test(the_lowest_free_slots_go_first),
	        cmocka_unit_test(every_byte_is_judged),
	        cmocka_unit_test(a_wrong_put_changes_nothing),
	        cmocka_unit_test(a_slot_put_twice_is_named),
	        cmocka_unit_test(pages_are_dirty_when_their_slots_are_taken),
	        cmocka_unit_test(pages_dirty_before_stay_so),
	        cmocka_unit_test(empty_pages_are_those_without_a_taken_slot),
	        cmocka_unit_test(a_scavenge_isolates_and_puts_back_exactly_the_empty_pages),
	        cmocka_unit_test(slots_may_be_put_while_pages_are_isolated),
	        cmocka_unit_test(a_slot_put_twice_is_named_also_while_its_page_is_isolated),
	        cmocka_unit_test(random_takes_and_puts_match_a_byte_per_slot),
	};
	return RUN(tests);
}

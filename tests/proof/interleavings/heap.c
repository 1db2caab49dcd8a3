/* heap.c: what threads do to chunks, slabs and large blocks at the same time, and a trim in the middle. */
#include "explore.h"

#include "../model/fresh.h"

#include "back/chunk.h"
#include "middle/central.h"
#include "back/large.h"

#include <string.h>

enum { CLASS = 20, SLOTS = 4, HELD = 64, LARGE = 3 << 20 };

/* Time stands still: no refault, and no pause that a huge page makes. */
uint64_t __wrap_os_milliseconds(void);
uint64_t __wrap_os_milliseconds(void) { return 0; }
uint64_t __wrap_os_microseconds(void);
uint64_t __wrap_os_microseconds(void) { return 0; }

static void check(void) {
	lock_take(&chunk_lock);
	EXPECT(chunk_check() == 0);
	lock_release(&chunk_lock);
	EXPECT(pool_check());
	EXPECT(central_check(CLASS));
}

static void trim(void) {
	central_trim();
	EXPECT(!central_wrong.class);
	chunk_trim();
}

static void end(void) {
	check();
	trim();
	EXPECT(chunk_count().chunks == 0 && large_count().live == 0 && pool_count().npages == 0);
	EXPECT(ledger_purgeable() == 0);
}

static void fill(void *block, size_t size, unsigned i) { memset(block, (int)i + 1, size); }

static void expect_filled(const unsigned char *block, size_t size, unsigned i) {
	EXPECT(block[0] == i + 1 && memcmp(block, block + 1, size - 1) == 0);
}

/* ---- slots ---- */

static void slots(unsigned i) {
	void *taken[SLOTS];
	unsigned n = central_refill(CLASS, taken, SLOTS);
	EXPECT(n > 0);
	for (unsigned k = 0; k < n; k++)
		fill(taken[k], class_size(CLASS), i);
	for (unsigned k = 0; k < n; k++)
		expect_filled(taken[k], class_size(CLASS), i);
	central_flush(CLASS, taken, n);
	EXPECT(!central_wrong.class);
}

/* ---- slots freed while their slabs are scavenged ---- */

static void *held[HELD];

static void begin_held(void) {
	make_fresh();
	for (unsigned n = 0; n < HELD;)
		n += central_refill(CLASS, held + n, HELD - n);
	for (unsigned k = 0; k < HELD; k++)
		fill(held[k], class_size(CLASS), k);
}

/* The first frees by halves, each slot still as it was; the others scavenge. */
static void free_held(unsigned i) {
	if (i > 0) {
		trim();
		return;
	}
	for (unsigned k = 0; k < HELD; k += HELD / 2) {
		for (unsigned n = k; n < HELD; n++)
			expect_filled(held[n], class_size(CLASS), n);
		central_flush(CLASS, held + k, HELD / 2);
		EXPECT(!central_wrong.class);
	}
}

/* ---- spans ---- */

static void spans(unsigned i) {
	struct span span = chunk_take(3, 0);
	EXPECT(span.base);
	EXPECT(!span.clean || span.base[0] == 0);
	fill(span.base, 3 * PAGE_SIZE, i);
	check();
	expect_filled((unsigned char *)span.base, 3 * PAGE_SIZE, i);
	chunk_put(span.chunk, span.base, UINT16_MAX);
}

/* ---- one span freed twice at once ---- */

static struct span shared;
static unsigned nfreed;

static void begin_shared(void) {
	make_fresh();
	shared = chunk_take(3, 0);
	nfreed = 0;
}

static void free_shared(unsigned i) {
	(void)i;
	if (chunk_put(shared.chunk, shared.base, UINT16_MAX))
		nfreed++;
}

static void end_shared(void) {
	EXPECT(nfreed == 1);
	end();
}

/* ---- large blocks ---- */

static void large(unsigned i) {
	size_t dirty;
	char *block = large_take(LARGE, QUANTUM, &dirty);
	EXPECT(block);
	block[0] = (char)i;
	char *longer = large_resize((struct run *)pagemap_owner(block), 2 * LARGE);
	if (longer)
		block = longer;
	block[LARGE - 1] = (char)i;
	EXPECT(block[0] == (char)i);
	EXPECT(large_put((struct run *)pagemap_owner(block), block));
}

/* ---- beside a trim ---- */

static void (*work)(unsigned i);

static void work_or_trim(unsigned i) {
	if (i < 2)
		work(i);
	else
		trim();
}

/* Two threads with at most so many preemptions; then with at most one, while a third trims. */
static void explore_both(const char *name, const char *name_with_trim, unsigned preemptions,
                         void (*begin)(void), void (*thread)(unsigned), void (*at_end)(void)) {
	work = thread;
	explore(&(struct scenario){name, 2, preemptions, begin, thread, at_end});
	explore(&(struct scenario){name_with_trim, 3, 1, begin, work_or_trim, at_end});
}

int main(void) {
	explore_both("slots", "slots, and a trim", 2 - WATCHED, make_fresh, slots, end);
	explore(&(struct scenario){"frees and a scavenge", 2, 2 - WATCHED, begin_held, free_held, end});
	explore(&(struct scenario){"frees and two scavenges", 3, 1, begin_held, free_held, end});
	explore_both("spans", "spans, and a trim", 2 - WATCHED, make_fresh, spans, end);
	explore_both("a second free", "a second free, and a trim", 4, begin_shared, free_shared, end_shared);
	explore_both("large blocks", "large blocks, and a trim", 2 - WATCHED, make_fresh, large, end);
	return explored();
}

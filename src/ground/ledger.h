/* ledger.h (level 2): what each store of memory has in use and what it keeps free, in pages, and what
 * went back to the kernel and was wanted again. Stores write here; policy/reclaim.h reads it and
 * decides.
 *
 * A page that is wanted again within a second of going back is a refault. Any thread, without a
 * lock: the figures are atomic one by one, and a decision taken between two changes is as good as one
 * taken before both.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include "ground/base.h"

#include <stdatomic.h>

/* Slots lie on pages that the chunks have in use. */
enum ledger_store { LEDGER_CHUNKS, LEDGER_LARGE, LEDGER_POOL, LEDGER_SLOTS, LEDGER_STORES };

/* Where a page was purged. A page purged inside a slab can only be wanted again by that slab, so
 * these are counted apart. */
enum ledger_place { LEDGER_OUTSIDE_SLABS, LEDGER_INSIDE_SLABS, LEDGER_PLACES };

struct ledger {
	struct {
		_Atomic size_t used, purgeable; /* pages in use; free pages that may hold data */
	} stores[LEDGER_STORES];
	_Atomic size_t free_slots; /* pages that the free slots of slabs would fill … */
	_Atomic size_t clean;      /* … and those of slabs that are clean */
	struct {
		_Atomic size_t npages; /* went back and were not wanted again yet … */
		_Atomic uint64_t at;   /* … the last of them at this time, in milliseconds */
	} returned[LEDGER_PLACES];
	_Atomic size_t given;          /* pages that went back since the start */
	_Atomic size_t refaulted;      /* pages, less what reclaim has forgotten */
	_Atomic uint64_t refaulted_at; /* milliseconds: the last one */
	_Atomic size_t peak;           /* pages: the most that was live since refaulted was 0 */
};

extern struct ledger ledger HIDDEN;

static inline size_t ledger_read(const _Atomic size_t *count) {
	return atomic_load_explicit(count, memory_order_relaxed);
}

/* Says what a store has in use and what it could give back. Each store calls it under its lock. */
void ledger_publish(enum ledger_store store, size_t used, size_t purgeable);

/* By how many pages the free slots of all classes have become more, their clean pages, and those that
 * a purge could give back. */
void ledger_add_slots(ptrdiff_t nfree, ptrdiff_t nclean, ptrdiff_t npurgeable);

/* The pages in use of all stores. */
static inline size_t ledger_used(void) {
	return ledger_read(&ledger.stores[LEDGER_CHUNKS].used) +
	       ledger_read(&ledger.stores[LEDGER_LARGE].used);
}

/* What the program has: without free slots. Between two of these counts a change may be under way: what
 * they say together is never below nothing. */
static inline size_t ledger_live(void) {
	size_t used = ledger_used(), unused = ledger_read(&ledger.free_slots);
	return used > unused ? used - unused : 0;
}

/* What a store could give back, and all of them. */
static inline size_t ledger_purgeable_in(enum ledger_store store) {
	return ledger_read(&ledger.stores[store].purgeable);
}
static inline size_t ledger_purgeable(void) {
	return ledger_purgeable_in(LEDGER_CHUNKS) + ledger_purgeable_in(LEDGER_POOL) +
	       ledger_purgeable_in(LEDGER_SLOTS);
}

/* Says that `npages` dirty pages went back to the kernel, and that `npages` clean ones are about to be
 * used: the kernel will have to give them. */
void ledger_note_returned(enum ledger_place place, size_t npages);
void ledger_note_wanted(enum ledger_place place, size_t npages);

#endif

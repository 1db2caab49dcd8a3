/* reclaim.c (level 6): see reclaim.h. */
#include "policy/reclaim.h"

#include "back/chunk.h"
#include "back/pool.h"
#include "ground/config.h"
#include "ground/os.h"
#include "middle/central.h"

enum {
	REST_MS = 8192, /* the longest rest after purges that the kernel refused */
	QUIET_MS = 1000,
	COLLAPSE = 4,         /* live memory below this part of its peak has collapsed: */
	COLLAPSED_MS = 50,    /* then so long without a refault is enough */
	REFAULT_WEIGHT = 2,   /* the bound has grown enough after fewer phases than with 1 */
	BASE_MIN = 64,        /* pages: 256 KB and a quarter of what is live, … */
	BASE_MAX = 512,       /* … up to 2 MB */
	PURGED_AT_ONCE = 256, /* pages inside slabs */
	CALLS_PER_LOOK = 16,  /* beyond b: of reclaim, for each look at the clock */
};

static atomic_flag at_it = ATOMIC_FLAG_INIT;
static _Atomic uint64_t rests_until, rest; /* milliseconds */

size_t reclaim_base(void) {
	size_t live = ledger_live();
	return min_size(BASE_MIN + live / 4, BASE_MAX) + live * config.hold / 100;
}

size_t reclaim_bound(void) {
	size_t base = reclaim_base(), growth = REFAULT_WEIGHT * ledger_read(&ledger.refaulted);
	size_t peak = ledger_read(&ledger.peak), most = peak + peak / 2;
	size_t used = ledger_used(), absent = ledger_read(&ledger.clean) + ledger_purgeable_in(LEDGER_SLOTS);
	size_t resident = base + used - min_size(used, absent);
	return base + min_size(growth, most > resident ? most - resident : 0);
}

void reclaim_decay(void) {
	size_t peak = ledger_read(&ledger.peak), live = ledger_live();
	uint64_t last = ledger.refaulted_at; /* read before the clock is, for another thread may set it */
	uint64_t now = os_milliseconds(), quiet = live < peak / COLLAPSE ? COLLAPSED_MS : QUIET_MS;
	uint64_t times = min_size((now - last) / (quiet + 1), 63);
	if (!times)
		return;
	ledger.refaulted = ledger.refaulted >> times;
	if (peak > live)
		ledger.peak = live + ((peak - live) >> times);
	ledger.refaulted_at = now;
}

/* ---- who gives ---- */

/* How many pages of a store are to go, when all stores together may keep `keep`: those beyond, or
 * all that it has. */
static size_t excess_in(enum ledger_store store, size_t keep) {
	size_t all = ledger_purgeable();
	return all > keep ? min_size(all - keep, ledger_purgeable_in(store)) : 0;
}

/* When a call of reclaim ends: at that time, in microseconds, if so many pages went back since the
 * start. */
struct end {
	uint64_t at;
	size_t given;
};
static bool goes_on(struct end end) {
	return ledger_read(&ledger.given) < end.given || os_microseconds() < end.at;
}

/* Slots: of each class the same part goes. */
static void purge_classes(size_t keep, struct end end) {
	size_t excess = excess_in(LEDGER_SLOTS, keep), all = ledger_purgeable_in(LEDGER_SLOTS);
	for (unsigned class = 1; class < CLASSES && excess; class ++) {
		size_t has = central_count(class).purgeable_pages,
		       goes = min_size((has * excess + all - 1) / max_size(all, 1), has), went = 1;
		for (; goes && went && goes_on(end); goes -= min_size(went, goes))
			went = central_purge(class, min_size(goes, PURGED_AT_ONCE));
		if (!went && os_page_size() == PAGE_SIZE)
			return; /* the kernel refuses; a larger page may be free in part only */
	}
}

/* Empty chunks go to the pool; from the pool and from chunks the kernel
 * takes long runs at a call, from slabs a page or two: so these are asked last. */
static void purge_stores(size_t keep, struct end end) {
	static const struct {
		enum ledger_store store;
		size_t (*step)(size_t npages);
	} backs[] = {{LEDGER_CHUNKS, chunk_purge}, {LEDGER_POOL, pool_unmap}};
	for (unsigned i = 0; i < sizeof backs / sizeof *backs; i++)
		for (size_t excess; (excess = excess_in(backs[i].store, keep)) && goes_on(end);)
			if (!backs[i].step(excess))
				break;
	purge_classes(keep, end);
}

static COLD void purge_excess(size_t bound, size_t npages) {
	if ((rest && os_milliseconds() < rests_until) || atomic_flag_test_and_set(&at_it))
		return;
	size_t given = ledger_read(&ledger.given);
	/* an eighth less, so that the next free is not beyond it again */
	purge_stores(bound - bound / 8, (struct end){os_microseconds() + RECLAIM_US, given + npages});
	rest = ledger_read(&ledger.given) != given ? 0 : min_size(2 * rest + 1, REST_MS);
	rests_until = os_milliseconds() + rest;
	atomic_flag_clear(&at_it);
}

void reclaim(size_t npages) {
	static _Atomic unsigned calls;
	if (ledger_purgeable() <= reclaim_base())
		return;
	unsigned call = atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
	if (unlikely(call % CALLS_PER_LOOK == 0 && ledger_read(&ledger.refaulted)))
		reclaim_decay();
	size_t bound = reclaim_bound();
	if (unlikely(ledger_purgeable() > bound))
		purge_excess(bound, npages);
}

void reclaim_after_fork(void) { atomic_flag_clear(&at_it); }

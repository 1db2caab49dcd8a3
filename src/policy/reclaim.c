/* reclaim.c (level 2): see reclaim.h. */
#include "policy/reclaim.h"

#include "ground/config.h"
#include "ground/os.h"

#include <stdatomic.h>

enum {
	REST_MS = 8192, /* the longest rest after purges that the kernel refused */
	REFAULT_MS = 1000,
	COLLAPSE = 4,       /* live memory below this part of its peak has collapsed: */
	COLLAPSED_MS = 50,  /* then so long without a refault is enough */
	REFAULT_WEIGHT = 2, /* the bound has grown enough after fewer phases than with 1 */
	BASE_MIN = 64,      /* pages: 256 KB … */
	BASE_MAX = 512      /* … and 2 MB */
};

static struct { _Atomic size_t live, retained; } parts[RECLAIM_PARTS];
static _Atomic size_t free_slots; /* pages of them, of those that chunks publish as in use */

static struct {
	_Atomic size_t refaulted;      /* pages: the growth of the bound */
	_Atomic size_t peak;           /* pages: the most that was live since the growth was 0 */
	_Atomic uint64_t refaulted_at; /* milliseconds */
} reclaim;

/* Pages that went back and were not wanted again yet, and when the last of them went. */
static struct {
	_Atomic size_t npages;
	_Atomic uint64_t at; /* milliseconds */
} returned[RECLAIM_PLACES];

static size_t get(_Atomic size_t *count) { return atomic_load_explicit(count, memory_order_relaxed); }
static void set(_Atomic size_t *count, size_t value) {
	atomic_store_explicit(count, value, memory_order_relaxed);
}

static void note_peak(void) {
	size_t live = reclaim_live();
	if (live > get(&reclaim.peak))
		set(&reclaim.peak, live);
}

void reclaim_publish(enum reclaim_part part, size_t live, size_t retained) {
	set(&parts[part].live, live);
	set(&parts[part].retained, retained);
	note_peak();
}

void reclaim_add_slots(ptrdiff_t nfree, ptrdiff_t ndirty) {
	atomic_fetch_add_explicit(&free_slots, (size_t)nfree, memory_order_relaxed);
	atomic_fetch_add_explicit(&parts[RECLAIM_SLOTS].retained, (size_t)ndirty, memory_order_relaxed);
	note_peak();
}

size_t reclaim_live_in(enum reclaim_part part) { return get(&parts[part].live); }
size_t reclaim_used(void) {
	size_t used = 0;
	for (unsigned part = 0; part < RECLAIM_PARTS; part++)
		used += reclaim_live_in(part);
	return used;
}
/* Between two of these counts a change may be under way: what they say together is never below
 * nothing. */
size_t reclaim_live(void) {
	size_t used = reclaim_used(), unused = get(&free_slots);
	return used > unused ? used - unused : 0;
}
size_t reclaim_resident(void) {
	size_t resident = reclaim_live();
	for (unsigned part = 0; part < RECLAIM_PARTS; part++)
		resident += get(&parts[part].retained);
	return resident;
}
size_t reclaim_live_beside(enum reclaim_part part) { return reclaim_resident() - get(&parts[part].retained); }

size_t reclaim_base(size_t live) { return min_size(BASE_MIN + live / 4, BASE_MAX); }

size_t reclaim_limit(size_t base, size_t live, size_t resident, unsigned beyond) {
	size_t bound = base + live * config.hold / 100;
	size_t peak = get(&reclaim.peak), most = peak + peak * beyond / 100;
	size_t below_peak = most > resident + bound ? most - resident - bound : 0;
	return bound + min_size(get(&reclaim.refaulted), below_peak);
}

void reclaim_note_returned(enum reclaim_place place, size_t npages) {
	atomic_fetch_add_explicit(&returned[place].npages, npages, memory_order_relaxed);
	atomic_store_explicit(&returned[place].at, os_milliseconds(), memory_order_relaxed);
}

void reclaim_note_wanted(enum reclaim_place place, size_t npages) {
	size_t lately = get(&returned[place].npages);
	if (!lately || !npages)
		return;
	uint64_t now = os_milliseconds();
	if (now - atomic_load_explicit(&returned[place].at, memory_order_relaxed) > REFAULT_MS) {
		set(&returned[place].npages, 0);
		return;
	}
	size_t refaulted = min_size(npages, lately);
	set(&returned[place].npages, lately - refaulted);
	if (!atomic_fetch_add_explicit(&reclaim.refaulted, REFAULT_WEIGHT * refaulted, memory_order_relaxed))
		set(&reclaim.peak, reclaim_live());
	atomic_store_explicit(&reclaim.refaulted_at, now, memory_order_relaxed);
}

static _Atomic uint64_t rests_until, rest; /* milliseconds */

void reclaim_note_purge(bool any) {
	uint64_t longer =
	        any ? 0 : min_size(2 * atomic_load_explicit(&rest, memory_order_relaxed) + 1, REST_MS);
	atomic_store_explicit(&rest, longer, memory_order_relaxed);
	if (longer)
		atomic_store_explicit(&rests_until, os_milliseconds() + longer, memory_order_relaxed);
}

bool reclaim_rests(void) {
	return unlikely(atomic_load_explicit(&rest, memory_order_relaxed)) &&
	       os_milliseconds() < atomic_load_explicit(&rests_until, memory_order_relaxed);
}

void reclaim_decay(void) {
	size_t refaulted = get(&reclaim.refaulted), peak = get(&reclaim.peak), live = reclaim_live();
	if (!refaulted)
		return;
	uint64_t now = os_milliseconds(), quiet = live < peak / COLLAPSE ? COLLAPSED_MS : REFAULT_MS;
	if (now - atomic_load_explicit(&reclaim.refaulted_at, memory_order_relaxed) <= quiet)
		return;
	set(&reclaim.refaulted, refaulted / 2);
	if (peak > live)
		set(&reclaim.peak, (peak + live) / 2);
	atomic_store_explicit(&reclaim.refaulted_at, now, memory_order_relaxed);
}

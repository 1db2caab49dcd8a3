/* reclaim.c (rank 2): see reclaim.h. */
#include "policy/reclaim.h"

#include "ground/config.h"
#include "ground/os.h"

#include <stdatomic.h>

enum {
	REFAULT_MS = 1000,
	REFAULT_WEIGHT = 2, /* the bound has grown enough after fewer phases than with 1 */
	BASE_MIN = 64,      /* pages: 256 KB … */
	BASE_MAX = 512      /* … and 2 MB */
};

static struct { _Atomic size_t live, retained; } parts[RECLAIM_PARTS];

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

void reclaim_publish(enum reclaim_part part, size_t live, size_t retained) {
	set(&parts[part].live, live);
	set(&parts[part].retained, retained);
	size_t all = reclaim_live();
	if (all > get(&reclaim.peak))
		set(&reclaim.peak, all);
}

size_t reclaim_live_in(enum reclaim_part part) { return get(&parts[part].live); }
size_t reclaim_live(void) { return reclaim_live_in(RECLAIM_CHUNKS) + reclaim_live_in(RECLAIM_LARGE); }
size_t reclaim_live_beside(enum reclaim_part part) { return reclaim_live() + get(&parts[!part].retained); }
size_t reclaim_resident(void) {
	return reclaim_live_beside(RECLAIM_CHUNKS) + get(&parts[RECLAIM_CHUNKS].retained);
}

size_t reclaim_base(size_t live) { return min_size(BASE_MIN + live / 4, BASE_MAX); }

size_t reclaim_limit(size_t base, size_t live, size_t resident) {
	size_t bound = base + live * config.hold / 100;
	size_t peak = get(&reclaim.peak), most = peak + peak / 4;
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

void reclaim_decay(void) {
	size_t refaulted = get(&reclaim.refaulted), peak = get(&reclaim.peak), live = reclaim_live();
	if (!refaulted)
		return;
	uint64_t now = os_milliseconds();
	if (now - atomic_load_explicit(&reclaim.refaulted_at, memory_order_relaxed) <= REFAULT_MS)
		return;
	set(&reclaim.refaulted, refaulted / 2);
	if (peak > live)
		set(&reclaim.peak, (peak + live) / 2);
	atomic_store_explicit(&reclaim.refaulted_at, now, memory_order_relaxed);
}

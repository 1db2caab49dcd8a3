/* hold.c (rank 2): see hold.h. */
#include "hold.h"

#include "config.h"
#include "os.h"

#include <stdatomic.h>

enum {
	REGRET_MS = 1000,
	REGRET_WEIGHT = 2, /* so that few phases are paid for before the bound has grown */
	BASE_MIN = 64,     /* pages: 256 KB … */
	BASE_MAX = 512     /* … and 2 MB */
};

static struct { _Atomic size_t live, retained; } parts[HOLD_PARTS];

static struct {
	_Atomic size_t regretted;      /* the growth of the bound */
	_Atomic size_t peak;           /* the most that was live since the growth began */
	_Atomic uint64_t regretted_at; /* milliseconds */
} hold;

/* Pages given back lately and not wanted again yet. */
static struct {
	_Atomic size_t npages;
	_Atomic uint64_t at; /* milliseconds */
} returned[HOLD_PLACES];

static size_t get(_Atomic size_t *count) { return atomic_load_explicit(count, memory_order_relaxed); }
static void set(_Atomic size_t *count, size_t value) {
	atomic_store_explicit(count, value, memory_order_relaxed);
}

void hold_publish(enum hold_part part, size_t live, size_t retained) {
	set(&parts[part].live, live);
	set(&parts[part].retained, retained);
	size_t all = hold_live();
	if (all > get(&hold.peak))
		set(&hold.peak, all);
}

size_t hold_live_in(enum hold_part part) { return get(&parts[part].live); }
size_t hold_live(void) { return hold_live_in(HOLD_CHUNKS) + hold_live_in(HOLD_LARGE); }
size_t hold_live_beside(enum hold_part part) { return hold_live() + get(&parts[!part].retained); }
size_t hold_resident(void) { return hold_live_beside(HOLD_CHUNKS) + get(&parts[HOLD_CHUNKS].retained); }

size_t hold_base(size_t live) { return min_size(BASE_MIN + live / 4, BASE_MAX); }

size_t hold_limit(size_t base, size_t live, size_t resident) {
	size_t bound = base + live * config.hold / 100;
	size_t peak = get(&hold.peak), most = peak + peak / 4;
	size_t below_peak = most > resident + bound ? most - resident - bound : 0;
	return bound + min_size(get(&hold.regretted), below_peak);
}

void hold_note_returned(enum hold_place place, size_t npages) {
	atomic_fetch_add_explicit(&returned[place].npages, npages, memory_order_relaxed);
	atomic_store_explicit(&returned[place].at, os_milliseconds(), memory_order_relaxed);
}

void hold_note_wanted(enum hold_place place, size_t npages) {
	size_t lately = get(&returned[place].npages);
	if (!lately || !npages)
		return;
	uint64_t now = os_milliseconds();
	if (now - atomic_load_explicit(&returned[place].at, memory_order_relaxed) > REGRET_MS) {
		set(&returned[place].npages, 0);
		return;
	}
	size_t regretted = min_size(npages, lately);
	set(&returned[place].npages, lately - regretted);
	if (!atomic_fetch_add_explicit(&hold.regretted, REGRET_WEIGHT * regretted, memory_order_relaxed))
		set(&hold.peak, hold_live());
	atomic_store_explicit(&hold.regretted_at, now, memory_order_relaxed);
}

void hold_decay(void) {
	size_t regretted = get(&hold.regretted), peak = get(&hold.peak), live = hold_live();
	if (!regretted)
		return;
	uint64_t now = os_milliseconds();
	if (now - atomic_load_explicit(&hold.regretted_at, memory_order_relaxed) <= REGRET_MS)
		return;
	set(&hold.regretted, regretted / 2);
	if (peak > live)
		set(&hold.peak, (peak + live) / 2);
	atomic_store_explicit(&hold.regretted_at, now, memory_order_relaxed);
}

/* ledger.c (level 2): see ledger.h. */
#include "ground/ledger.h"

#include "ground/os.h"

enum { REFAULT_MS = 1000 };

struct ledger ledger;

static void set(_Atomic size_t *count, size_t value) {
	atomic_store_explicit(count, value, memory_order_relaxed);
}
static void add(_Atomic size_t *count, ptrdiff_t change) {
	if (change)
		atomic_fetch_add_explicit(count, (size_t)change, memory_order_relaxed);
}

static void note_peak(void) {
	size_t live = ledger_live();
	if (live > ledger_read(&ledger.peak))
		set(&ledger.peak, live);
}

void ledger_publish(enum ledger_store store, size_t used, size_t purgeable) {
	set(&ledger.stores[store].used, used);
	set(&ledger.stores[store].purgeable, purgeable);
	note_peak();
}

void ledger_add_slots(ptrdiff_t nfree, ptrdiff_t nclean, ptrdiff_t npurgeable) {
	add(&ledger.free_slots, nfree);
	add(&ledger.clean, nclean);
	add(&ledger.stores[LEDGER_SLOTS].purgeable, npurgeable);
	note_peak();
}

void ledger_note_returned(enum ledger_place place, size_t npages) {
	add(&ledger.returned[place].npages, (ptrdiff_t)npages);
	add(&ledger.given, (ptrdiff_t)npages);
	if (npages)
		atomic_store_explicit(&ledger.returned[place].at, os_milliseconds(), memory_order_relaxed);
}

void ledger_note_wanted(enum ledger_place place, size_t npages) {
	size_t lately = ledger_read(&ledger.returned[place].npages);
	if (!lately || !npages)
		return;
	uint64_t now = os_milliseconds();
	if (now - atomic_load_explicit(&ledger.returned[place].at, memory_order_relaxed) > REFAULT_MS) {
		set(&ledger.returned[place].npages, 0);
		return;
	}
	size_t refaulted = min_size(npages, lately);
	set(&ledger.returned[place].npages, lately - refaulted);
	if (!atomic_fetch_add_explicit(&ledger.refaulted, refaulted, memory_order_relaxed))
		set(&ledger.peak, ledger_live());
	atomic_store_explicit(&ledger.refaulted_at, now, memory_order_relaxed);
}

/* hold.c (rank 2): see hold.h. */
#include "hold.h"

#include "config.h"
#include "os.h"

#include <stdatomic.h>

enum { REGRET_MS = 1000 };

static struct { _Atomic size_t live, held; } parts[HOLD_PARTS];

void hold_publish(enum hold_part part, size_t live, size_t held) {
	atomic_store_explicit(&parts[part].live, live, memory_order_relaxed);
	atomic_store_explicit(&parts[part].held, held, memory_order_relaxed);
}

size_t hold_live(void) {
	return atomic_load_explicit(&parts[HOLD_CHUNKS].live, memory_order_relaxed) +
	       atomic_load_explicit(&parts[HOLD_LARGE].live, memory_order_relaxed);
}

size_t hold_live_beside(enum hold_part part) {
	return hold_live() + atomic_load_explicit(&parts[!part].held, memory_order_relaxed);
}

size_t hold_limit(const struct hold *hold, size_t base, size_t live) {
	size_t most = hold->peak + hold->peak / 4, below_peak = most > live ? most - live : 0;
	return base + live * config.hold / 100 + min_size(hold->regretted, below_peak);
}

void hold_note_returned(struct hold *hold, size_t npages) {
	hold->returned += npages;
	hold->returned_at = os_milliseconds();
}

void hold_note_wanted(struct hold *hold, size_t npages, size_t live) {
	hold->peak = max_size(hold->peak, live);
	if (!hold->returned)
		return;
	uint64_t now = os_milliseconds();
	if (now - hold->returned_at > REGRET_MS) {
		hold->returned = 0;
		return;
	}
	size_t regretted = min_size(npages, hold->returned);
	hold->returned -= regretted;
	hold->regretted += regretted;
	hold->regretted_at = now;
}

bool hold_decay(struct hold *hold, size_t live) {
	if (!hold->regretted)
		return false;
	uint64_t now = os_milliseconds();
	if (now - hold->regretted_at <= REGRET_MS)
		return false;
	hold->regretted /= 2;
	if (hold->peak > live)
		hold->peak = (hold->peak + live) / 2;
	hold->regretted_at = now;
	return true;
}

/* large.c (rank 5): see large.h. */
#include "large.h"

#include "hold.h"
#include "meta.h"
#include "os.h"

enum {
	HOLD_BASE = 512,    /* pages of runs always kept: 2 MB */
	HELD_RUNS_MAX = 64, /* so that a search stays short */
};

static struct {
	struct list live, held;
	size_t nheld, nlive;
	size_t held_bytes, live_bytes, peak_bytes;
	struct hold hold;
	bool ready;
} larges;
struct lock large_lock = LOCK_INITIAL(RANK_LARGE);

static void init_lists(void) {
	list_init(&larges.live);
	list_init(&larges.held);
	larges.ready = true;
}

static void publish(void) {
	hold_publish(HOLD_LARGE, larges.live_bytes >> PAGE_SHIFT, larges.held_bytes >> PAGE_SHIFT);
}

/* What is registered: whole chunks. */
static size_t covered(size_t size) { return align_up(size, CHUNK_SIZE); }

static void add_live(struct large *large) {
	large->held = false;
	list_push(&larges.live, &large->link);
	larges.nlive++;
	larges.live_bytes += large->size;
	larges.peak_bytes = max_size(larges.peak_bytes, larges.live_bytes);
	publish();
}

static void remove_live(struct large *large) {
	list_delete(&large->link);
	larges.nlive--;
	larges.live_bytes -= large->size;
	publish();
}

static void add_held(struct large *large) {
	large->held = true;
	list_push(&larges.held, &large->link);
	larges.nheld++;
	larges.held_bytes += large->size;
	publish();
}

static void remove_held(struct large *large) {
	list_delete(&large->link);
	larges.nheld--;
	larges.held_bytes -= large->size;
	publish();
}

static struct large *map_large(size_t size, size_t align) {
	struct large *large = meta_take(sizeof *large);
	char *base = large ? os_map_aligned(size, max_size(align, CHUNK_SIZE)) : NULL;
	if (!base || !registry_set_owner(base, covered(size), &large->owner)) {
		if (base)
			os_unmap(base, size);
		if (large)
			meta_put(large, sizeof *large);
		return NULL;
	}
	*large = (struct large){.owner = {OWNER_LARGE}, .base = base, .size = size};
	return large;
}

/* Unmaps a record that is on no list. When the kernel has no room to split a mapping the pages go back all
 * the same, and only the addresses stay taken. */
static void unmap_large(struct large *large) {
	registry_clear_owner(large->base, covered(large->size));
	if (!os_unmap(large->base, large->size))
		os_purge(large->base, large->size);
	meta_put(large, sizeof *large);
}

/* The held run nearest in size, from 3/4 to 4/3 of it; taken off the list. */
static struct large *take_held(size_t size, size_t align) {
	struct large *best = NULL;
	size_t best_distance = 0;
	for (struct list *at = larges.held.next; at != &larges.held; at = at->next) {
		struct large *large = CONTAINER(at, struct large, link);
		size_t distance = large->size > size ? large->size - size : size - large->size;
		if ((uintptr_t)large->base % align != 0 || distance > min_size(size / 3, large->size / 3))
			continue;
		if (!best || distance < best_distance) {
			best = large;
			best_distance = distance;
		}
	}
	if (best)
		remove_held(best);
	return best;
}

/* The registry is cleared before the kernel gets the addresses back: from then on they may be another
 * thread's. */
static bool shorten(struct large *large, size_t size) {
	char *end = large->base + covered(size);
	size_t unused = covered(large->size) - covered(size);
	registry_clear_owner(end, unused);
	if (!os_unmap(large->base + size, large->size - size)) {
		registry_set_owner(end, unused, &large->owner); /* its leaf is there: no failure */
		return false;
	}
	large->size = size;
	return true;
}

/* Makes a record that is on no list longer, in place. */
static bool lengthen(struct large *large, size_t size) {
	if (!os_grow(large->base, large->size, size))
		return false;
	if (!registry_set_owner(large->base, covered(size), &large->owner)) {
		os_unmap(large->base + large->size, size - large->size);
		return false;
	}
	large->size = size;
	return true;
}

static bool fit(struct large *large, size_t size) {
	if (size < large->size)
		return shorten(large, size);
	return size == large->size || lengthen(large, size);
}

void *large_take(size_t size, size_t align, bool *fresh) {
	size = align_up(size, os_page_size());
	lock_take(&large_lock);
	if (unlikely(!larges.ready))
		init_lists();
	struct large *large = take_held(size, align);
	hold_note_wanted(&larges.hold, large ? 0 : size >> PAGE_SHIFT, hold_live() + (size >> PAGE_SHIFT));
	lock_release(&large_lock);
	*fresh = !large;
	if (large && !fit(large, size)) {
		unmap_large(large);
		large = NULL;
	}
	if (!large) {
		*fresh = true;
		large = map_large(size, align);
	}
	if (!large)
		return NULL;
	char *base = large->base;
	lock_take(&large_lock);
	add_live(large);
	lock_release(&large_lock);
	return base;
}

static size_t held_limit(void) { return hold_limit(&larges.hold, HOLD_BASE, hold_live_beside(HOLD_LARGE)); }

/* The oldest held run while too much is held; off the list. Lock held. */
static struct large *pop_excess(size_t limit_pages) {
	if (larges.held_bytes >> PAGE_SHIFT <= limit_pages && larges.nheld <= HELD_RUNS_MAX)
		return NULL;
	struct large *large = CONTAINER(larges.held.prev, struct large, link);
	hold_note_returned(&larges.hold, large->size >> PAGE_SHIFT);
	remove_held(large);
	return large;
}

/* Unmaps held runs, the oldest first, until they are within the bound. */
static void drop_excess(void) {
	struct large *excess;
	do {
		lock_take(&large_lock);
		excess = pop_excess(held_limit());
		lock_release(&large_lock);
		if (excess)
			unmap_large(excess);
	} while (excess);
}

bool large_put(struct large *large, const void *address) {
	lock_take(&large_lock);
	bool live = large->owner.kind == OWNER_LARGE && !large->held && large->base == address;
	if (live) {
		remove_live(large);
		hold_decay(&larges.hold, hold_live());
		add_held(large);
	}
	lock_release(&large_lock);
	drop_excess();
	return live;
}

void large_tidy(void) {
	lock_take(&large_lock);
	hold_decay(&larges.hold, hold_live());
	bool too_much = larges.held_bytes >> PAGE_SHIFT > held_limit();
	lock_release(&large_lock);
	if (too_much)
		drop_excess();
}

/* Moves the mapping of a record that is on no list to a longer place; false: no memory. */
static bool relocate(struct large *large, size_t size) {
	char *target = os_reserve_aligned(size, CHUNK_SIZE);
	if (!target)
		return false;
	if (!registry_set_owner(target, covered(size), &large->owner)) {
		os_unmap(target, size);
		return false;
	}
	registry_clear_owner(large->base, covered(large->size));
	if (!os_move(large->base, large->size, target, size)) {
		registry_set_owner(large->base, covered(large->size), &large->owner);
		registry_clear_owner(target, covered(size));
		os_unmap(target, size);
		return false;
	}
	large->base = target;
	large->size = size;
	return true;
}

void *large_resize(struct large *large, size_t size) {
	size = align_up(size, os_page_size());
	lock_take(&large_lock);
	remove_live(large);
	lock_release(&large_lock);
	bool resized = fit(large, size) || (size > large->size && relocate(large, size));
	char *base =
	        resized || size < large->size ? large->base : NULL; /* not shortened is longer than asked */
	lock_take(&large_lock);
	add_live(large);
	lock_release(&large_lock);
	return base;
}

bool large_trim(void) {
	bool any = false;
	lock_take(&large_lock);
	while (larges.nheld) {
		struct large *large = CONTAINER(larges.held.prev, struct large, link);
		remove_held(large);
		lock_release(&large_lock);
		unmap_large(large);
		any = true;
		lock_take(&large_lock);
	}
	lock_release(&large_lock);
	return any;
}

struct large_totals large_count(void) {
	lock_take(&large_lock);
	struct large_totals totals = {larges.nlive, larges.live_bytes, larges.held_bytes, larges.peak_bytes};
	lock_release(&large_lock);
	return totals;
}

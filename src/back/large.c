/* large.c (rank 3): see large.h. */
#include "back/large.h"

#include "ground/metadata.h"
#include "ground/os.h"
#include "policy/reclaim.h"

enum {
	RETAINED_RUNS_MAX = 64, /* a search walks all of them */
	KEEP_MIN = 1 << 20,     /* bytes: a run of which less may stay is unmapped, not shortened */
	ASSEMBLE_BELOW = 1024,  /* live blocks; pieces use up the number of mappings (vm.max_map_count) */
};

static struct {
	struct list live, retained;
	size_t nretained, nlive;
	size_t retained_bytes, live_bytes, peak_bytes;
} larges = {.live = {&larges.live, &larges.live}, .retained = {&larges.retained, &larges.retained}};
struct lock large_lock = LOCK_INITIAL(RANK_LARGE);

static void publish(void) {
	reclaim_publish(RECLAIM_LARGE, larges.live_bytes >> PAGE_SHIFT, larges.retained_bytes >> PAGE_SHIFT);
}

/* The bytes of a block that the pagemap knows: a whole number of 2 MB. */
static size_t covered(size_t size) { return align_up(size, CHUNK_SIZE); }

static void add_live(struct large *large) {
	large->retained = false;
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

static void add_retained(struct large *large) {
	large->retained = true;
	large->retained_beside = reclaim_live_in(RECLAIM_CHUNKS);
	list_push(&larges.retained, &large->link);
	larges.nretained++;
	larges.retained_bytes += large->size;
	publish();
}

static void remove_retained(struct large *large) {
	list_delete(&large->link);
	larges.nretained--;
	larges.retained_bytes -= large->size;
	publish();
}

/* Retains a record that is on no list. */
static void retain(struct large *large) {
	lock_take(&large_lock);
	add_retained(large);
	lock_release(&large_lock);
}

/* ---- pieces ---- */

static void add_piece(struct large *large, size_t size) {
	ASSERT(large->npieces < LARGE_PIECES);
	large->piece[large->npieces++] = size;
}

/* Takes the last `size` bytes out of a record; their mapping is the caller's matter. */
static void cut_end(struct large *large, size_t size) {
	large->size -= size;
	while (size) {
		size_t *last = &large->piece[large->npieces - 1], part = min_size(*last, size);
		*last -= part;
		size -= part;
		large->npieces -= *last == 0;
	}
}

/* ---- mapping ---- */

/* Makes a record without pieces, and maps its addresses: `open`, with access; else without, until
 * os_open. */
static struct large *map_large(size_t size, size_t align, bool open) {
	struct large *large = metadata_take(sizeof *large);
	align = max_size(align, CHUNK_SIZE);
	char *base = NULL;
	if (large)
		base = open ? os_map_aligned(size, align) : os_reserve_aligned(size, align);
	if (!base || !pagemap_set_owner(base, covered(size), &large->owner)) {
		if (base)
			os_unmap(base, size);
		if (large)
			metadata_put(large, sizeof *large);
		return NULL;
	}
	*large = (struct large){.owner = {OWNER_LARGE}, .base = base, .size = size};
	return large;
}

/* Unmaps a record that is on no list. False: the kernel has no room to split a mapping; the run is
 * then purged and retained, and its addresses serve again or are unmapped later. */
static bool unmap_large(struct large *large) {
	pagemap_clear_owner(large->base, covered(large->size));
	if (os_unmap(large->base, large->size)) {
		metadata_put(large, sizeof *large);
		return true;
	}
	os_purge(large->base, large->size);
	pagemap_set_owner(large->base, covered(large->size), &large->owner); /* its leaf is there */
	retain(large);
	return false;
}

/* Unmaps the end of a record that is on no list. The pagemap is cleared before the kernel has the
 * addresses back: afterwards they may be another thread's. */
static bool shorten(struct large *large, size_t size) {
	char *end = large->base + covered(size);
	size_t unused = covered(large->size) - covered(size);
	pagemap_clear_owner(end, unused);
	if (!os_unmap(large->base + size, large->size - size)) {
		pagemap_set_owner(end, unused, &large->owner); /* its leaf is there: no failure */
		return false;
	}
	cut_end(large, large->size - size);
	return true;
}

/* Makes a record that is on no list longer where it lies. */
static bool lengthen(struct large *large, size_t size) {
	size_t *last = &large->piece[large->npieces - 1], more = size - large->size;
	if (!os_grow(large->base + large->size - *last, *last, *last + more))
		return false;
	if (!pagemap_set_owner(large->base, covered(size), &large->owner)) {
		os_unmap(large->base + large->size, more);
		return false;
	}
	*last += more;
	large->size = size;
	return true;
}

static bool fit(struct large *large, size_t size) {
	if (size < large->size)
		return shorten(large, size);
	return size == large->size || lengthen(large, size);
}

/* ---- reuse ---- */

/* Takes the smallest retained run of at least `size` bytes off the list, or else the largest one;
 * NULL when none is aligned. Lock held. */
static struct large *take_retained(size_t size, size_t align) {
	struct large *best = NULL;
	for (struct list *at = larges.retained.next; at != &larges.retained; at = at->next) {
		struct large *large = CONTAINER(at, struct large, link);
		if ((uintptr_t)large->base % align != 0)
			continue;
		bool enough = large->size >= size;
		if (!best ||
		    (best->size < size ? large->size > best->size : enough && large->size < best->size))
			best = large;
	}
	if (best)
		remove_retained(best);
	return best;
}

/* Moves the last piece of a run, or the end of that piece, into `large` at offset `at`; returns the
 * bytes moved, or 0. */
static size_t move_piece(struct large *run, struct large *large, size_t at) {
	size_t size = min_size(run->piece[run->npieces - 1], large->size - at), rest = run->size - size;
	char *vacated = run->base + covered(rest);
	size_t unused = covered(run->size) - covered(rest);
	pagemap_clear_owner(vacated, unused);
	if (!os_move(run->base + rest, size, large->base + at, size)) {
		pagemap_set_owner(vacated, unused, &run->owner);
		return 0;
	}
	cut_end(run, size);
	add_piece(large, size);
	return size;
}

/* Moves pieces of a run that is on no list into `large`, from offset `at` on, until one of them
 * ends; returns the offset up to which `large` is filled. What is left of the run is retained
 * again. */
static size_t fill_from(struct large *run, struct large *large, size_t at) {
	size_t moved = 1;
	while (moved && run->size && at < large->size && large->npieces < LARGE_PIECES - 1)
		at += moved = move_piece(run, large, at);
	if (!run->size) {
		metadata_put(run, sizeof *run);
	} else if (!moved) {
		unmap_large(run);
	} else {
		retain(run);
	}
	return at;
}

/* Unmaps what lies beyond `filled` and could not be opened; what was moved into the block is
 * retained. */
static void disassemble(struct large *large, size_t filled) {
	pagemap_clear_owner(large->base + covered(filled), covered(large->size) - covered(filled));
	os_unmap(large->base + filled, large->size - filled); /* or else stays as addresses without memory */
	cut_end(large, large->size - filled);
	if (filled)
		retain(large);
	else
		metadata_put(large, sizeof *large);
}

/* Makes a block of the pages of `run` and of further retained runs, as far as they go, then of
 * clean memory. NULL: no memory. */
static struct large *assemble(struct large *run, size_t size, size_t align, size_t *dirty) {
	struct large *large = map_large(size, align, false);
	size_t filled = 0;
	if (!large) {
		unmap_large(run);
		return NULL;
	}
	while (run) {
		size_t before = filled;
		filled = fill_from(run, large, filled);
		run = NULL;
		if (filled == before || filled == size || large->npieces == LARGE_PIECES - 1)
			break;
		lock_take(&large_lock);
		run = take_retained(size - filled, 1);
		lock_release(&large_lock);
	}
	*dirty = filled;
	if (filled == size)
		return large;
	add_piece(large, size - filled);
	if (os_open(large->base + filled, size - filled))
		return large;
	disassemble(large, filled);
	return NULL;
}

/* Whether a retained run is long enough, by at most 1/16 too long, and aligned. */
static bool is_near(const struct large *run, size_t size, size_t align) {
	return run->size >= size && run->size - size <= size / 16 && (uintptr_t)run->base % align == 0;
}

/* A record on no list, made of one retained run or of several. NULL: none serves, or no memory. */
static struct large *reuse(size_t size, size_t align, size_t *dirty) {
	lock_take(&large_lock);
	struct large *run = take_retained(size, align);
	if (!run)
		run = take_retained(size, 1);
	if (run && larges.nlive >= ASSEMBLE_BELOW && !is_near(run, size, align)) {
		add_retained(run);
		run = NULL;
	}
	lock_release(&large_lock);
	if (!run)
		return NULL;
	*dirty = size;
	if (is_near(run, size, align) && fit(run, size))
		return run;
	return assemble(run, size, align, dirty);
}

static size_t retained_limit(void) {
	size_t live = reclaim_live_beside(RECLAIM_LARGE);
	return reclaim_limit(reclaim_base(live), live, live);
}

/* Whether the used pages of chunks have grown by more than the run's own number since it was
 * retained: the program then wants smaller blocks, which the run cannot serve. */
static bool is_passed_over(const struct large *run) {
	return reclaim_live_in(RECLAIM_CHUNKS) > run->retained_beside + (run->size >> PAGE_SHIFT);
}

/* While too much is retained, or the oldest run is passed over: takes the oldest off the list;
 * *keep: so many of its bytes may stay. Else NULL. Lock held. */
static struct large *pop_excess(size_t *keep) {
	if (list_empty(&larges.retained))
		return NULL;
	size_t limit = retained_limit() << PAGE_SHIFT;
	struct large *large = CONTAINER(larges.retained.prev, struct large, link);
	if (is_passed_over(large))
		limit = 0;
	if (larges.retained_bytes <= limit && larges.nretained <= RETAINED_RUNS_MAX)
		return NULL;
	size_t excess = larges.nretained > RETAINED_RUNS_MAX ? large->size
	                                                     : larges.retained_bytes - limit + limit / 8;
	*keep = large->size > excess + KEEP_MIN ? align_up(large->size - excess, os_page_size()) : 0;
	reclaim_note_returned(RECLAIM_OUTSIDE_SLABS, (large->size - *keep) >> PAGE_SHIFT);
	remove_retained(large);
	return large;
}

static struct large *next_excess(size_t *keep) {
	lock_take(&large_lock);
	struct large *excess = pop_excess(keep);
	lock_release(&large_lock);
	return excess;
}

/* Unmaps retained runs from the oldest on, and shortens the last of these, until the rest is within
 * the bound or the kernel refuses. */
static void drop_excess(void) {
	struct large *excess;
	size_t keep;
	while ((excess = next_excess(&keep))) {
		if (keep && shorten(excess, keep)) {
			retain(excess);
			return;
		}
		if (!unmap_large(excess))
			return;
	}
}

void *large_take(size_t size, size_t align, size_t *dirty) {
	size = align_up(size, os_page_size());
	*dirty = 0;
	struct large *large = reuse(size, align, dirty);
	if (!large) {
		*dirty = 0;
		large = map_large(size, align, true);
		if (!large)
			return NULL;
		add_piece(large, size);
	}
	reclaim_note_wanted(RECLAIM_OUTSIDE_SLABS, (size - *dirty) >> PAGE_SHIFT);
	char *base = large->base;
	lock_take(&large_lock);
	add_live(large);
	lock_release(&large_lock);
	if (*dirty < size)
		drop_excess();
	return base;
}

bool large_put(struct large *large, const void *address) {
	lock_take(&large_lock);
	bool live = large->owner.kind == OWNER_LARGE && !large->retained && large->base == address;
	if (live) {
		remove_live(large);
		add_retained(large);
	}
	lock_release(&large_lock);
	reclaim_decay();
	drop_excess();
	return live;
}

void large_reclaim(void) {
	reclaim_decay();
	drop_excess();
}

/* Moves the mapping of a record that is on no list to addresses of `size` bytes. False: no memory,
 * or the record has several pieces. */
static bool relocate(struct large *large, size_t size) {
	char *target = large->npieces == 1 ? os_reserve_aligned(size, CHUNK_SIZE) : NULL;
	if (!target)
		return false;
	if (!pagemap_set_owner(target, covered(size), &large->owner)) {
		os_unmap(target, size);
		return false;
	}
	pagemap_clear_owner(large->base, covered(large->size));
	/* The kernel unmaps the target before it knows that it has the memory, so it is asked for that
	 * first: afterwards the place may be somebody else's. */
	if (!os_open(target + large->size, size - large->size) ||
	    !os_move(large->base, large->size, target, size)) {
		pagemap_set_owner(large->base, covered(large->size), &large->owner);
		pagemap_clear_owner(target, covered(size));
		os_unmap(target, size);
		return false;
	}
	large->base = target;
	large->size = large->piece[0] = size;
	return true;
}

void *large_resize(struct large *large, size_t size) {
	size = align_up(size, os_page_size());
	lock_take(&large_lock);
	remove_live(large);
	lock_release(&large_lock);
	bool resized = fit(large, size) || (size > large->size && relocate(large, size));
	char *base = resized || size < large->size ? large->base : NULL; /* not shortened: still serves */
	lock_take(&large_lock);
	add_live(large);
	lock_release(&large_lock);
	return base;
}

bool large_trim(void) {
	bool any = false;
	lock_take(&large_lock);
	for (size_t n = larges.nretained; n > 0 && larges.nretained;
	     n--) { /* a run that the kernel refuses is retained again, in front */
		struct large *large = CONTAINER(larges.retained.prev, struct large, link);
		remove_retained(large);
		lock_release(&large_lock);
		any |= unmap_large(large);
		lock_take(&large_lock);
	}
	lock_release(&large_lock);
	return any;
}

struct large_totals large_count(void) {
	lock_take(&large_lock);
	struct large_totals totals = {larges.nlive, larges.live_bytes, larges.retained_bytes,
	                              larges.peak_bytes};
	lock_release(&large_lock);
	return totals;
}

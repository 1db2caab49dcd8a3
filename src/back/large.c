/* large.c (level 4): see large.h. */
#include "back/large.h"

#include "ground/ledger.h"
#include "ground/metadata.h"
#include "ground/os.h"

#include <string.h>

static struct large_totals larges;

static size_t chunks_of(size_t size) { return (size + CHUNK_SIZE - 1) >> CHUNK_SHIFT; }

static void begin_live(struct run *run, size_t size) {
	size_t npages = size >> PAGE_SHIFT, all = run->nchunks * CHUNK_PAGES;
	lock_take(&pool_lock);
	/* Where dirty pages lie is known of the block that the run began with, and of no others. */
	run->ndirty = run->ndirty <= run->size >> PAGE_SHIFT ? max_size(run->ndirty, npages)
	                                                     : min_size(run->ndirty + npages, all);
	run->size = size;
	run->owner.kind = OWNER_LARGE;
	larges.live++;
	larges.live_bytes += size;
	larges.tail_bytes += run->ndirty * PAGE_SIZE - size;
	larges.peak_bytes = max_size(larges.peak_bytes, larges.live_bytes);
	ledger_publish(LEDGER_LARGE, larges.live_bytes >> PAGE_SHIFT, 0);
	lock_release(&pool_lock);
}

/* False: it starts no live block. */
static bool end_live(struct run *run, const void *address) {
	lock_take(&pool_lock);
	bool live = run->owner.kind == OWNER_LARGE && run->base == address;
	if (live) {
		run->owner.kind = OWNER_NONE;
		larges.live--;
		larges.live_bytes -= run->size;
		larges.tail_bytes -= run->ndirty * PAGE_SIZE - run->size;
		ledger_publish(LEDGER_LARGE, larges.live_bytes >> PAGE_SHIFT, 0);
	}
	lock_release(&pool_lock);
	return live;
}

void *large_take(size_t size, size_t align, size_t *dirty) {
	size = align_up(size, os_page_size());
	struct run *run = pool_take(chunks_of(size), max_size(align, CHUNK_SIZE));
	if (!run)
		return NULL;
	size_t npages = size >> PAGE_SHIFT, clean = npages - min_size(npages, run->ndirty);
	*dirty = run->ndirty ? size : 0;
	begin_live(run, size);
	ledger_note_wanted(LEDGER_OUTSIDE_SLABS, clean);
	return run->base;
}

bool large_put(struct run *run, const void *address) {
	if (!end_live(run, address))
		return false;
	pool_put(run, run->ndirty);
	return true;
}

/* ---- resizing ---- */

/* Moves pages to addresses that are ours and unused. What the kernel cannot move at once, for it
 * lies in several mappings, moves chunk by chunk; a chunk that it does not move is copied, and
 * given back at once. True: the old range is clean now. */
static bool move_pages(char *from, char *to, size_t size) {
	bool clean = true;
	if (os_move(from, size, to))
		return true;
	for (size_t at = 0; at < size; at += CHUNK_SIZE) {
		if (os_move(from + at, CHUNK_SIZE, to + at))
			continue;
		memcpy(to + at, from + at, CHUNK_SIZE);
		clean &= os_purge(from + at, CHUNK_SIZE);
	}
	return clean;
}

/* Gives a run that is no live block longer addresses, and its old ones back. */
static bool move_run(struct run *run, size_t nchunks) {
	struct run *other = pool_take(nchunks, CHUNK_SIZE);
	if (!other)
		return false;
	bool clean = move_pages(run->base, other->base, run->nchunks * CHUNK_SIZE);
	struct run old = *run;
	run->base = other->base, run->nchunks = nchunks, run->advice = other->advice,
	run->ndirty = other->ndirty, run->size = 0;
	other->base = old.base, other->nchunks = old.nchunks, other->advice = old.advice;
	pagemap_set_owner(run->base, nchunks * CHUNK_SIZE, &run->owner); /* their leaves are there */
	pool_put(other, clean ? 0 : old.nchunks * CHUNK_PAGES);
	return true;
}

/* Moves `size` bytes up by less than CHUNK_SIZE within their mapping: from the end on, in parts
 * that do not overlap their new place. False: the kernel does not. */
static bool shift_up(char *from, size_t size, size_t distance) {
	for (size_t end = size; end > 0; end -= min_size(end, distance)) {
		size_t part = min_size(end, distance);
		if (!os_move(from + end - part, part, from + end - part + distance))
			return false;
	}
	return true;
}

/* Room for a leaf of the pagemap, kept while a block moves, and proof that the kernel can move
 * pages within a mapping. */
static char *take_spare(void) {
	char *spare = os_map_fenced(sizeof(struct leaf));
	if (spare && os_move(spare, os_page_size(), spare + os_page_size()))
		return spare;
	if (spare)
		os_unmap_fenced(spare, sizeof(struct leaf));
	return NULL;
}

/* Makes a run longer where the kernel likes, which needs no second place beside the first: under
 * a limit of addresses there may be none. A chunk more is asked for, in case the answer has to
 * be aligned. The pagemap forgets the old addresses first, for afterwards they may be another
 * thread's. */
static bool move_by_kernel(struct run *run, size_t nchunks) {
	size_t size = run->nchunks * CHUNK_SIZE, new_size = nchunks * CHUNK_SIZE;
	char *spare = take_spare(), *moved = NULL;
	if (!spare)
		return false;
	pool_forget(run);
	moved = os_move_longer(run->base, size, new_size + CHUNK_SIZE);
	os_unmap_fenced(spare, sizeof(struct leaf));
	if (!moved) {
		pagemap_set_owner(run->base, size, &run->owner); /* its leaf is there */
		return false;
	}
	size_t distance = align_up((uintptr_t)moved, CHUNK_SIZE) - (uintptr_t)moved;
	bool aligned = !distance || shift_up(moved, size, distance);
	if (distance)
		os_unmap(moved, distance);
	os_unmap(moved + distance + new_size, CHUNK_SIZE - distance);
	run->base = moved + distance;
	run->nchunks = nchunks;
	if (!aligned || !pagemap_set_owner(run->base, new_size, &run->owner))
		die("realloc(): the kernel moved a block to %p, and refuses what is left to do", moved);
	return true;
}

void *large_resize(struct run *run, size_t size) {
	size = align_up(size, os_page_size());
	size_t nchunks = chunks_of(size), old = run->size;
	end_live(run, run->base);
	bool fits = nchunks == run->nchunks;
	if (nchunks < run->nchunks)
		fits = pool_shorten(run, nchunks);
	else if (nchunks > run->nchunks)
		fits = pool_lengthen(run, nchunks) || move_by_kernel(run, nchunks) || move_run(run, nchunks);
	begin_live(run, fits ? size : old); /* a run that cannot be shortened is longer than needed */
	return fits || size < old ? run->base : NULL;
}

const struct run *large_around(const void *address) {
	const struct owner *owner = pagemap_owner(address);
	const struct run *run = (const struct run *)owner;
	bool inside = owner && owner->kind == OWNER_LARGE &&
	              (size_t)((const char *)address - run->base) < run->size;
	return inside ? run : NULL;
}

struct large_totals large_count(void) {
	lock_take(&pool_lock);
	struct large_totals totals = larges;
	lock_release(&pool_lock);
	return totals;
}

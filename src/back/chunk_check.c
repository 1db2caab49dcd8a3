/* chunk_check.c (level 4): checks C2 … C5 (chunk.h) and each chunk's buddy. Debug builds and tests
 * only. */
#include "back/chunk_state.h"

/* The free pages of a chunk by its buddy; *dirty: those of them whose bit of `dirty` is set; *longest:
 * the pages of the longest run of them. */
static unsigned count_free_pages(const struct chunk *chunk, unsigned *dirty, unsigned *longest) {
	unsigned free_pages = 0, run = 0;
	*dirty = *longest = 0;
	for (unsigned page = 0; page < CHUNK_PAGES; page++) {
		bool is_free = buddy_next_free(&chunk->buddy, page) == page;
		run = is_free ? run + 1 : 0;
		free_pages += is_free;
		*dirty += is_free ? bitmap_count(&chunk->dirty, page, 1) : 0;
		*longest = run > *longest ? run : *longest;
	}
	return free_pages;
}

/* C3: the pages in spans, or UINT32_MAX when one overlaps another or free pages. */
static unsigned count_in_spans(const struct chunk *chunk) {
	unsigned in_spans = 0, end = 0;
	for (unsigned page = 0; page < CHUNK_PAGES; page++) {
		unsigned npages = chunk->npages_at[page];
		if (!npages)
			continue;
		if (page < end || npages > CHUNK_PAGES - page ||
		    buddy_next_free(&chunk->buddy, page) < page + npages)
			return UINT32_MAX;
		end = page + npages;
		in_spans += npages;
	}
	return in_spans;
}

/* C2: the list that a chunk belongs on. */
static unsigned expected_place(const struct chunk *chunk) {
	int order = buddy_largest(&chunk->buddy);
	unsigned clean = CHUNK_PAGES - chunk->nused - chunk->ndirty;
	return order < 0 ? PLACE_NONE : clean * FULLNESS / (CHUNK_PAGES + 1) * ORDERS + (unsigned)order;
}

static int check_one(const struct chunk *chunk) {
	unsigned dirty, longest;
	int broken = buddy_check(&chunk->buddy);
	if (broken)
		return broken;
	unsigned free_pages = count_free_pages(chunk, &dirty, &longest);
	if (chunk->place != expected_place(chunk) || chunk->longest < longest)
		return 10;
	if (free_pages != CHUNK_PAGES - chunk->nused)
		return 11;
	if (dirty != chunk->ndirty)
		return 12;
	return count_in_spans(chunk) <= chunk->nused ? 0 : 13;
}

/* C2 and C4: every chunk is on the lists that it should be on, and on no other. */
static bool lists_hold(size_t placed, size_t dirty) {
	const struct chunks *chunks = chunk_state();
	for (unsigned p = 0; p < PLACES; p++) {
		const struct list *head = &chunks->places[p];
		size_t count = list_count(head, placed);
		if (count == SIZE_MAX || (chunks->mask >> p & 1) != (count > 0))
			return false;
		placed -= count;
		for (const struct list *at = head->next; at != head; at = at->next)
			if (CONTAINER(at, struct chunk, link)->place != p)
				return false;
	}
	if (placed || list_count(&chunks->dirty, dirty) != dirty)
		return false;
	for (const struct list *at = chunks->dirty.next; at != &chunks->dirty; at = at->next)
		if (!CONTAINER(at, struct chunk, dirty_link)->ndirty)
			return false;
	return true;
}

/* C5: the isolated pages, by the batches. */
static size_t count_isolated(void) {
	const struct chunks *chunks = chunk_state();
	size_t npages = 0;
	for (const struct list *at = chunks->purging.next; at != &chunks->purging; at = at->next) {
		const struct batch *batch = CONTAINER(at, struct batch, link);
		for (unsigned i = 0; i < batch->n; i++)
			npages += batch->runs[i].npages;
	}
	return npages;
}

int chunk_check(void) {
	const struct chunks *chunks = chunk_state();
	size_t used = 0, dirty = 0, empty = 0, isolated = 0, placed = 0, on_dirty = 0;
	if (!chunks->ready)
		return 0;
	if (list_count(&chunks->all, chunks->count) != chunks->count)
		return 14;
	for (const struct list *at = chunks->all.next; at != &chunks->all; at = at->next) {
		const struct chunk *chunk = CONTAINER(at, struct chunk, all_link);
		int broken = check_one(chunk);
		if (broken)
			return broken;
		used += chunk->nused;
		dirty += chunk->ndirty;
		empty += chunk->nused == 0;
		isolated += chunk->nused - count_in_spans(chunk);
		placed += chunk->place != PLACE_NONE;
		on_dirty += chunk->ndirty > 0;
	}
	if (used != chunks->used_pages || dirty != chunks->dirty_pages || empty != chunks->empty)
		return 14;
	if (isolated != count_isolated())
		return 13;
	return lists_hold(placed, on_dirty) ? 0 : 16;
}

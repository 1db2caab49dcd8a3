/* chunk.c (rank 3): see chunk.h. Decides under the lock; maps, unmaps and purges outside it. */
#include "back/chunk.h"

#include "back/chunk_state.h"
#include "ground/config.h"
#include "ground/metadata.h"
#include "ground/os.h"
#include "policy/reclaim.h"

#include <string.h>

enum {
	HUGE_AFTER = 20,    /* chunks; a huge page more is then at most 5 % of the heap */
	HUGE_SLOW_US = 500, /* what 512 small ones take at about 1 us each */
	WITHOUT_HUGE = 256, /* chunks, at first: 512 MB */
	CHUNK_LOOKS = 8,    /* chunks of a place that are examined for a run long enough */
};

static struct chunks chunks;
struct lock chunk_lock = LOCK_INITIAL(RANK_CHUNKS);

const struct chunks *chunk_state(void) { return &chunks; }

/* ---- lists ---- */

static void init_lists(void) {
	for (unsigned p = 0; p < PLACES; p++)
		list_init(&chunks.places[p]);
	list_init(&chunks.all);
	list_init(&chunks.dirty);
	list_init(&chunks.purging);
	chunks.ready = true;
}

/* A search goes through the places from the lowest up: chunks with the fewest clean pages first,
 * and among these the ones whose largest free block is smallest. So dirty pages are used before
 * clean ones are fetched, and the chunks with the most clean pages drain. */
static unsigned place_of(const struct chunk *chunk) {
	int order = buddy_largest(&chunk->buddy);
	if (order < 0)
		return PLACE_NONE;
	unsigned empty = CHUNK_PAGES - chunk->nused - chunk->ndirty;
	return empty * FULLNESS / (CHUNK_PAGES + 1) * ORDERS + (unsigned)order;
}

static void unlink_place(struct chunk *chunk) {
	if (chunk->place == PLACE_NONE)
		return;
	list_delete(&chunk->link);
	if (list_empty(&chunks.places[chunk->place]))
		chunks.mask &= ~((uint64_t)1 << chunk->place);
	chunk->place = PLACE_NONE;
}

static void update_place(struct chunk *chunk) {
	chunk->longest = 0;
	unsigned place = place_of(chunk);
	if (place == chunk->place)
		return;
	unlink_place(chunk);
	chunk->place = place;
	if (place == PLACE_NONE)
		return;
	if (chunk->ndirty)
		list_push(&chunks.places[place], &chunk->link);
	else
		list_append(&chunks.places[place], &chunk->link);
	chunks.mask |= (uint64_t)1 << place;
}

/* Takes exactly these pages, the first of which starts a block or follows a taken page. False: one
 * of them is not free, and nothing is taken. */
static bool take_free_pages(struct chunk *chunk, unsigned page, unsigned npages) {
	if (!buddy_take_at(&chunk->buddy, page, npages))
		return false;
	bitmap_clear(&chunk->free, page, npages);
	return true;
}

static void put_pages(struct chunk *chunk, unsigned page, unsigned npages) {
	buddy_put(&chunk->buddy, page, npages);
	bitmap_set(&chunk->free, page, npages);
}

/* npages is negative when pages are freed. */
static void add_used(struct chunk *chunk, int npages) {
	chunks.empty -= chunk->nused == 0;
	chunk->nused += (unsigned)npages;
	chunks.empty += chunk->nused == 0;
	chunks.used_pages += (size_t)npages;
	chunks.peak_pages = max_size(chunks.peak_pages, chunks.used_pages);
	reclaim_publish(RECLAIM_CHUNKS, chunks.used_pages, chunks.dirty_pages);
}

static void add_dirty(struct chunk *chunk, int npages) {
	bool was = chunk->ndirty > 0;
	chunk->ndirty += (unsigned)npages;
	chunks.dirty_pages += (size_t)npages;
	reclaim_publish(RECLAIM_CHUNKS, chunks.used_pages, chunks.dirty_pages);
	if (!was && chunk->ndirty)
		list_append(&chunks.dirty, &chunk->dirty_link);
	else if (was && !chunk->ndirty)
		list_delete(&chunk->dirty_link);
}

/* ---- making and dropping chunks ---- */

/* Whether the next chunk asks for huge pages: from HUGE_AFTER chunks on, when 7/8 of their pages
 * are used, and unless huge pages came slowly. */
static bool wants_huge(void) {
	bool dense = chunks.used_pages * 8 >= chunks.count * CHUNK_PAGES * 7;
	if (!config.huge_pages || !dense || chunks.count < HUGE_AFTER)
		return false;
	if (!chunks.without_huge)
		return true;
	chunks.without_huge--;
	return false;
}

/* Touches the chunk's first page and takes the time. A huge page should come in a tenth of the time
 * that its 512 small ones take. It may take longer than they do: under a hypervisor that takes free
 * memory back in units of 2 MB, or when the kernel has to move pages to make one. Then the next
 * chunks do without. */
static void judge_huge(struct chunk *chunk) {
	uint64_t before = os_microseconds();
	*(volatile char *)chunk->base = 0;
	if (os_microseconds() - before <= HUGE_SLOW_US)
		return;
	lock_take(&chunk_lock);
	chunks.next_without = max_size(2 * chunks.next_without, WITHOUT_HUGE);
	chunks.without_huge = chunks.next_without;
	lock_release(&chunk_lock);
}

static struct chunk *make_chunk(bool huge) {
	struct chunk *chunk = metadata_take(sizeof *chunk);
	char *base = chunk ? os_map_aligned(CHUNK_SIZE, CHUNK_SIZE) : NULL;
	if (!base || !pagemap_set_owner(base, CHUNK_SIZE, &chunk->owner)) {
		if (base)
			os_unmap(base, CHUNK_SIZE);
		if (chunk)
			metadata_put(chunk, sizeof *chunk);
		return NULL;
	}
	os_huge_pages(base, CHUNK_SIZE, huge);
	*chunk = (struct chunk){.owner = {OWNER_CHUNK}, .base = base, .place = PLACE_NONE, .huge = huge};
	bitmap_set(&chunk->free, 0, CHUNK_PAGES);
	buddy_init(&chunk->buddy, CHUNK_PAGES, chunk->bits, chunk->links, sizeof chunk->links[0]);
	return chunk;
}

static void attach_chunk(struct chunk *chunk) {
	list_append(&chunks.all, &chunk->all_link);
	chunks.count++;
	chunks.empty++;
	update_place(chunk);
}

static void detach_chunk(struct chunk *chunk) {
	unlink_place(chunk);
	list_delete(&chunk->all_link);
	chunks.count--;
	chunks.empty--;
	add_dirty(chunk, -(int)chunk->ndirty);
}

/* Unmaps a detached, empty chunk. False: the kernel refused; the chunk is purged and attached
 * again. Without the lock. */
static bool drop_chunk(struct chunk *chunk) {
	pagemap_clear_owner(chunk->base, CHUNK_SIZE);
	if (os_unmap(chunk->base, CHUNK_SIZE)) {
		metadata_put(chunk, sizeof *chunk);
		return true;
	}
	bool purged = os_purge(chunk->base, CHUNK_SIZE);
	pagemap_set_owner(chunk->base, CHUNK_SIZE, &chunk->owner);
	lock_take(&chunk_lock);
	if (!purged)
		bitmap_set(&chunk->dirty, 0, CHUNK_PAGES);
	else
		bitmap_clear(&chunk->dirty, 0, CHUNK_PAGES);
	attach_chunk(chunk);
	add_dirty(chunk, purged ? 0 : CHUNK_PAGES);
	update_place(chunk);
	lock_release(&chunk_lock);
	return false;
}

/* ---- giving back ---- */

static size_t dirty_limit(void) {
	size_t live = reclaim_live_beside(RECLAIM_CHUNKS);
	return reclaim_limit(reclaim_base(live), live, live);
}
static size_t allowed_empty(void) { return 1 + dirty_limit() / CHUNK_PAGES; }
static bool retains_too_much(void) {
	return chunks.dirty_pages > dirty_limit() || chunks.empty > allowed_empty();
}

/* An empty chunk, from the place with the most clean pages, or NULL. Only an empty chunk has a free
 * block of the highest order, so only the last place of each sixth is examined. */
static struct chunk *find_empty(void) {
	for (unsigned place = PLACES; place > 0; place -= ORDERS)
		if (!list_empty(&chunks.places[place - 1]))
			return CONTAINER(chunks.places[place - 1].next, struct chunk, link);
	return NULL;
}

/* Isolates the free runs of a chunk that have dirty pages, as far as the batch has room. */
static void isolate_from(struct chunk *chunk, struct batch *batch) {
	EACH_RUN (&chunk->free, page, end) {
		unsigned npages = end - page, dirty = bitmap_count(&chunk->dirty, page, npages);
		if (batch->n == BATCH)
			break;
		if (!dirty)
			continue;
		take_free_pages(chunk, page, npages);
		add_used(chunk, (int)npages);
		add_dirty(chunk, -(int)dirty);
		batch->runs[batch->n++] = (struct run){chunk, page, npages};
	}
	update_place(chunk);
}

/* A chunk with dirty pages from the highest place that begins with one: spans are taken from the
 * lower places first, so its pages are wanted last. When no place begins with one, the chunk that
 * has been dirty longest. */
static struct chunk *find_dirty(void) {
	for (uint64_t mask = chunks.mask; mask;) {
		unsigned place = 63 - (unsigned)__builtin_clzl(mask);
		struct chunk *chunk = CONTAINER(chunks.places[place].next, struct chunk, link);
		if (chunk->ndirty)
			return chunk;
		mask &= ~((uint64_t)1 << place);
	}
	return CONTAINER(chunks.dirty.next, struct chunk, dirty_link);
}

static void isolate_runs(struct batch *batch, size_t keep) {
	batch->n = 0;
	list_append(&chunks.purging, &batch->link);
	while (batch->n < BATCH && chunks.dirty_pages > keep)
		isolate_from(find_dirty(), batch);
}

void chunk_refuse_huge(struct chunk *chunk) {
	if (atomic_exchange_explicit(&chunk->huge, false, memory_order_relaxed))
		os_huge_pages(chunk->base, CHUNK_SIZE, false);
}

/* Puts the runs of a batch back; purged[i] says that run i is clean now. Lock held. */
static void put_back_runs(struct batch *batch, const bool *purged) {
	for (unsigned i = 0; i < batch->n; i++) {
		struct run *run = &batch->runs[i];
		if (purged[i]) {
			reclaim_note_returned(RECLAIM_OUTSIDE_SLABS,
			                      bitmap_count(&run->chunk->dirty, run->page, run->npages));
			bitmap_clear(&run->chunk->dirty, run->page, run->npages);
		}
		put_pages(run->chunk, run->page, run->npages);
		add_used(run->chunk, -(int)run->npages);
		add_dirty(run->chunk, (int)bitmap_count(&run->chunk->dirty, run->page, run->npages));
		update_place(run->chunk);
	}
	list_delete(&batch->link);
}

/* Purges the runs of a batch without the lock, and puts them back under it. False: none could be
 * purged. */
static bool purge(struct batch *batch) {
	bool purged[BATCH], any = false;
	for (unsigned i = 0; i < batch->n; i++) {
		struct run *run = &batch->runs[i];
		chunk_refuse_huge(run->chunk);
		purged[i] = os_purge(run->chunk->base + run->page * PAGE_SIZE, run->npages * PAGE_SIZE);
		any |= purged[i];
	}
	lock_take(&chunk_lock);
	put_back_runs(batch, purged);
	lock_release(&chunk_lock);
	return any;
}

/* Brings the dirty pages down to `keep` and the empty chunks to `keep_empty`; true when memory went
 * back. After the kernel has refused to unmap a chunk, pages are purged only. */
static bool give_back(size_t keep, size_t keep_empty) {
	struct batch batch;
	bool any = false, unmaps = true, going = true;
	while (going) {
		lock_take(&chunk_lock);
		bool too_dirty = chunks.dirty_pages > keep;
		struct chunk *empty =
		        unmaps && (too_dirty || chunks.empty > keep_empty) ? find_empty() : NULL;
		if (empty) {
			reclaim_note_returned(RECLAIM_OUTSIDE_SLABS, empty->ndirty);
			detach_chunk(empty);
		} else if (too_dirty) {
			isolate_runs(&batch, keep);
		}
		lock_release(&chunk_lock);
		if (!empty && !too_dirty)
			return any;
		if (empty)
			any |= unmaps = drop_chunk(empty);
		else
			any |= going = purge(&batch);
	}
	return any;
}

static COLD void give_back_excess(void) {
	reclaim_decay();
	lock_take(&chunk_lock);
	size_t limit = dirty_limit(), empty = allowed_empty();
	bool too_dirty = chunks.dirty_pages > limit;
	lock_release(&chunk_lock);
	give_back(too_dirty ? limit - limit / 8 : limit, empty);
}

void chunk_reclaim(void) {
	reclaim_decay();
	lock_take(&chunk_lock);
	bool too_much = retains_too_much();
	lock_release(&chunk_lock);
	if (too_much)
		give_back_excess();
}

bool chunk_trim(void) { return give_back(0, 0); }

/* ---- spans ---- */

/* A chunk with a free run of npages, of the first CHUNK_LOOKS at a place whose blocks are all
 * shorter. */
static struct chunk *find_run(unsigned place, unsigned npages) {
	unsigned looks = CHUNK_LOOKS;
	const struct list *head = &chunks.places[place];
	for (struct list *at = head->next; at != head && looks-- > 0; at = at->next) {
		struct chunk *chunk = CONTAINER(at, struct chunk, link);
		if (!chunk->longest)
			chunk->longest = bitmap_longest_run(&chunk->free);
		if (chunk->longest >= npages)
			return chunk;
	}
	return NULL;
}

/* A chunk with a free run of npages; with `aligned`, one with a free block of `order`, which holds
 * npages. A chunk whose largest order is k has runs of at most 2^(k+2) - 2 pages, so for 5 … 8
 * pages (order 3) chunks are examined from order 1 on, which may have a run of 6. */
static struct chunk *find_chunk(unsigned npages, unsigned order, bool aligned) {
	unsigned least = aligned || order < 2 ? order : order - 2;
	for (unsigned first = 0; first < PLACES; first += ORDERS) {
		uint64_t places = chunks.mask >> first & (((uint64_t)1 << ORDERS) - ((uint64_t)1 << least));
		for (; places; places &= places - 1) {
			unsigned at = (unsigned)__builtin_ctzl(places);
			if (at >= order)
				return CONTAINER(chunks.places[first + at].next, struct chunk, link);
			struct chunk *chunk = find_run(first + at, npages);
			if (chunk)
				return chunk;
		}
	}
	return NULL;
}

/* The page from which npages are best taken: at one end of a free run, where the fewest of them are
 * clean (the kernel would have to give these); among equals, in the shortest run. */
static unsigned find_pages(const struct chunk *chunk, unsigned npages) {
	unsigned best = 0, least = UINT32_MAX;
	bool mixed = chunk->ndirty && chunk->ndirty != CHUNK_PAGES - chunk->nused;
	EACH_RUN (&chunk->free, page, end) {
		if (end - page < npages)
			continue;
		unsigned last = end - npages;
		unsigned first_dirty = mixed ? bitmap_count(&chunk->dirty, page, npages) : 0;
		unsigned last_dirty = mixed ? bitmap_count(&chunk->dirty, last, npages) : 0;
		unsigned dirty = first_dirty >= last_dirty ? first_dirty : last_dirty;
		unsigned cost = (npages - dirty) * CHUNK_PAGES + (end - page);
		if (cost < least) {
			least = cost;
			best = first_dirty >= last_dirty ? page : last;
		}
	}
	return best;
}

/* Takes free pages that may begin within a free block: the free pages before them are taken first,
 * and put back. */
static void take_within(struct chunk *chunk, unsigned page, unsigned npages) {
	if (take_free_pages(chunk, page, npages))
		return;
	unsigned before = page;
	while (before > 0 && bitmap_test(&chunk->free, before - 1))
		before--;
	take_free_pages(chunk, before, page - before);
	take_free_pages(chunk, page, npages);
	put_pages(chunk, before, page - before);
}

/* Counts pages as used that were just taken for a span. */
static void count_taken_span(struct chunk *chunk, unsigned page, unsigned npages) {
	unsigned dirty = bitmap_count(&chunk->dirty, page, npages);
	add_used(chunk, (int)npages);
	add_dirty(chunk, -(int)dirty);
	reclaim_note_wanted(RECLAIM_OUTSIDE_SLABS, npages - dirty);
	update_place(chunk);
}

/* Frees pages. Those of the first 16 whose bit of `dirty` is set may hold data, and all beyond
 * these. */
static void free_span_pages(struct chunk *chunk, unsigned page, unsigned npages, uint16_t dirty) {
	bitmap_set(&chunk->dirty, page, npages);
	for (unsigned i = 0; i < 16 && i < npages; i++)
		if (!(dirty >> i & 1))
			bitmap_clear(&chunk->dirty, page + i, 1);
	put_pages(chunk, page, npages);
	add_used(chunk, -(int)npages);
	add_dirty(chunk, (int)bitmap_count(&chunk->dirty, page, npages));
	update_place(chunk);
}

static struct span take_span_from(struct chunk *chunk, unsigned npages, unsigned align_order) {
	unsigned page;
	if (align_order) {
		page = buddy_take(&chunk->buddy, npages, align_order);
		bitmap_clear(&chunk->free, page, npages);
	} else {
		page = find_pages(chunk, npages);
		take_within(chunk, page, npages);
	}
	struct span span = {
	        .base = chunk->base + page * PAGE_SIZE,
	        .chunk = chunk,
	        .clean = bitmap_count(&chunk->dirty, page, npages) == 0,
	        .dirty = bitmap_16(&chunk->dirty, page),
	};
	chunk->npages_at[page] = (uint16_t)npages;
	count_taken_span(chunk, page, npages);
	return span;
}

struct span chunk_take(unsigned npages, unsigned align_order) {
	lock_take(&chunk_lock);
	if (unlikely(!chunks.ready))
		init_lists();
	unsigned order = ceil_log2(npages) > align_order ? ceil_log2(npages) : align_order;
	struct chunk *chunk = find_chunk(npages, order, align_order > 0);
	if (!chunk) {
		bool huge = wants_huge();
		lock_release(&chunk_lock);
		chunk = make_chunk(huge);
		if (!chunk)
			return (struct span){.base = NULL};
		if (huge)
			judge_huge(chunk);
		lock_take(&chunk_lock);
		attach_chunk(chunk);
	}
	struct span span = take_span_from(chunk, npages, align_order);
	lock_release(&chunk_lock);
	return span;
}

void chunk_put(struct chunk *chunk, char *base, unsigned npages, uint16_t dirty) {
	unsigned page = chunk_page(base);
	lock_take(&chunk_lock);
	chunk->npages_at[page] = 0;
	free_span_pages(chunk, page, npages, dirty);
	bool too_much = retains_too_much();
	lock_release(&chunk_lock);
	if (unlikely(too_much))
		give_back_excess();
}

unsigned chunk_span_at(const struct chunk *chunk, const void *address) {
	if ((uintptr_t)address % PAGE_SIZE)
		return 0;
	unsigned npages = atomic_load_explicit(&chunk->npages_at[chunk_page(address)], memory_order_relaxed);
	return npages & SPAN_RETAINED ? 0 : npages;
}

unsigned chunk_retain(struct chunk *chunk, const void *address) {
	uint16_t npages = (uint16_t)chunk_span_at(chunk, address);
	if (!npages || !atomic_compare_exchange_strong(&chunk->npages_at[chunk_page(address)], &npages,
	                                               npages | SPAN_RETAINED))
		return 0;
	return npages;
}

void chunk_revive(const void *base, unsigned npages) {
	struct chunk *chunk = (struct chunk *)pagemap_owner(base);
	atomic_store_explicit(&chunk->npages_at[chunk_page(base)], (uint16_t)npages, memory_order_relaxed);
}

void chunk_put_retained(void *base) {
	struct chunk *chunk = (struct chunk *)pagemap_owner(base);
	if (unlikely(!chunk || chunk->owner.kind != OWNER_CHUNK))
		return;
	unsigned npages = chunk->npages_at[chunk_page(base)];
	if (npages & SPAN_RETAINED)
		chunk_put(chunk, base, npages & ~(unsigned)SPAN_RETAINED, UINT16_MAX);
}

bool chunk_resize(struct chunk *chunk, const void *address, unsigned npages) {
	unsigned page = chunk_page(address);
	bool resized = true;
	lock_take(&chunk_lock);
	unsigned old = chunk->npages_at[page];
	if (npages > old) {
		resized = page + npages <= CHUNK_PAGES && take_free_pages(chunk, page + old, npages - old);
		if (resized)
			count_taken_span(chunk, page + old, npages - old);
	} else if (npages < old) {
		bitmap_set(&chunk->dirty, page + npages, old - npages);
		buddy_trim(&chunk->buddy, page, old, npages);
		bitmap_set(&chunk->free, page + npages, old - npages);
		add_used(chunk, -(int)(old - npages));
		add_dirty(chunk, (int)(old - npages));
		update_place(chunk);
	}
	if (resized)
		chunk->npages_at[page] = (uint16_t)npages;
	bool too_much = retains_too_much();
	lock_release(&chunk_lock);
	if (unlikely(too_much))
		give_back_excess();
	return resized;
}

char *chunk_span_around(struct chunk *chunk, const void *address, unsigned *npages) {
	unsigned at = chunk_page(address), page = at;
	lock_take(&chunk_lock);
	while (page > 0 && !chunk->npages_at[page])
		page--;
	*npages = chunk->npages_at[page];
	lock_release(&chunk_lock);
	return !(*npages & SPAN_RETAINED) && *npages > at - page ? chunk->base + page * PAGE_SIZE : NULL;
}

/* The batches lie on the stacks of threads that the child does not have; the memory of these stacks
 * is there. */
void chunk_after_fork(void) {
	static const bool not_purged[BATCH];
	lock_take(&chunk_lock);
	while (chunks.ready && !list_empty(&chunks.purging))
		put_back_runs(CONTAINER(chunks.purging.next, struct batch, link), not_purged);
	lock_release(&chunk_lock);
}

struct chunk_totals chunk_count(void) {
	lock_take(&chunk_lock);
	struct chunk_totals totals = {chunks.count, chunks.used_pages, chunks.dirty_pages, chunks.peak_pages};
	lock_release(&chunk_lock);
	return totals;
}

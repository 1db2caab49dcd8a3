/* chunk.c (level 4): see chunk.h. Decides under the lock; maps, unmaps and purges outside it. */
#include "back/chunk.h"

#include "back/chunk_state.h"
#include "ground/config.h"
#include "ground/ledger.h"
#include "ground/metadata.h"
#include "ground/os.h"

#include <string.h>

enum {
	HUGE_AFTER = 20,    /* chunks; a huge page more is then at most 5 % of the heap */
	HUGE_SLOW_US = 500, /* what 512 small ones take at about 1 us each */
	WITHOUT_HUGE = 256, /* chunks, at first: 512 MB */
	EMPTY_MAX = 1,      /* empty chunks that stay chunks */
	CHUNK_LOOKS = 8,    /* at chunks whose longest run may be too short */
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

/* Counts pages that were taken (npages > 0) or freed, of which `dirty` may hold data, and finds the
 * chunk its place. */
static void count_pages(struct chunk *chunk, int npages, int dirty) {
	bool was_dirty = chunk->ndirty > 0;
	chunks.empty -= chunk->nused == 0;
	chunk->nused += (unsigned)npages;
	chunks.empty += chunk->nused == 0;
	chunks.used_pages += (size_t)npages;
	chunks.peak_pages = max_size(chunks.peak_pages, chunks.used_pages);
	chunk->ndirty -= (unsigned)dirty;
	chunks.dirty_pages -= (size_t)dirty;
	if (!was_dirty && chunk->ndirty)
		list_append(&chunks.dirty, &chunk->dirty_link);
	else if (was_dirty && !chunk->ndirty)
		list_delete(&chunk->dirty_link);
	ledger_publish(LEDGER_CHUNKS, chunks.used_pages, chunks.dirty_pages);
	update_place(chunk);
}

/* How many of these free pages are dirty; mostly all of a chunk's are, or none. */
static unsigned count_dirty(const struct chunk *chunk, unsigned page, unsigned npages) {
	if (chunk->ndirty == 0 || chunk->ndirty == CHUNK_PAGES - chunk->nused)
		return chunk->ndirty ? npages : 0;
	return bitmap_count(&chunk->dirty, page, npages);
}

/* Counts pages that the buddy gave; how many of them may hold data. */
static unsigned count_taken(struct chunk *chunk, unsigned page, unsigned npages) {
	unsigned dirty = count_dirty(chunk, page, npages);
	count_pages(chunk, (int)npages, (int)dirty);
	return dirty;
}

/* Frees pages, `ndirty` of which have their bit of `dirty` set. */
static void put_pages(struct chunk *chunk, unsigned page, unsigned npages, unsigned ndirty) {
	buddy_put(&chunk->buddy, page, npages);
	chunk->longest = CHUNK_PAGES;
	count_pages(chunk, -(int)npages, -(int)ndirty);
}

/* Walks the runs of at least npages free pages: [page, end). */
#define EACH_FREE_RUN(chunk, npages, page, end)                                                              \
	for (uint32_t end, page = buddy_next_run(&(chunk)->buddy, 0, npages, &end); page < CHUNK_PAGES;      \
	     page = buddy_next_run(&(chunk)->buddy, end, npages, &end))

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
	struct run *run = chunk ? pool_take(1, CHUNK_SIZE) : NULL;
	if (!run) {
		if (chunk)
			metadata_put(chunk, sizeof *chunk);
		return NULL;
	}
	if (huge)
		pool_advise(run, ADVICE_HUGE);
	else if (run->advice == ADVICE_HUGE || os_huge_by_default())
		pool_advise(run, ADVICE_SMALL);
	*chunk = (struct chunk){.owner = {OWNER_CHUNK},
	                        .run = run,
	                        .base = run->base,
	                        .place = PLACE_NONE,
	                        .huge = huge,
	                        .longest = CHUNK_PAGES};
	if (run->ndirty)
		bitmap_set(&chunk->dirty, 0, CHUNK_PAGES);
	buddy_init(&chunk->buddy, CHUNK_PAGES, chunk->bits, chunk->links, sizeof chunk->links[0]);
	pagemap_set_owner(chunk->base, CHUNK_SIZE, &chunk->owner); /* its leaf is there */
	return chunk;
}

static void attach_chunk(struct chunk *chunk) {
	list_append(&chunks.all, &chunk->all_link);
	chunks.count++;
	chunks.empty++;
	count_pages(chunk, 0, -(int)bitmap_count(&chunk->dirty, 0, CHUNK_PAGES));
}

/* Detaches an empty chunk, from the place with the most clean pages; NULL: none. Only an empty chunk
 * has a free block of the highest order, so only the last place of each sixth is examined. */
static struct chunk *detach_empty(void) {
	for (unsigned place = PLACES; place > 0; place -= ORDERS) {
		if (list_empty(&chunks.places[place - 1]))
			continue;
		struct chunk *chunk = CONTAINER(chunks.places[place - 1].next, struct chunk, link);
		chunk->run->ndirty = chunk->ndirty;
		count_pages(chunk, 0, (int)chunk->ndirty);
		unlink_place(chunk);
		list_delete(&chunk->all_link);
		chunks.count--;
		chunks.empty--;
		return chunk;
	}
	return NULL;
}

/* Puts the addresses of a detached chunk back to the pool; the pages of it that are dirty, at least
 * 1. */
static size_t drop_chunk(struct chunk *chunk) {
	struct run *run = chunk->run;
	size_t ndirty = run->ndirty;
	run->advice = chunk_advice(chunk);
	run->size = 0;
	pool_put(run, ndirty);
	metadata_put(chunk, sizeof *chunk);
	return max_size(ndirty, 1);
}

/* ---- giving back ---- */

/* Isolates free runs of a chunk that have dirty pages, until all chunks have `keep` or the batch has
 * no room; of a long run as much as that takes, at its end; and of all runs whole kernel pages. */
static void isolate_from(struct chunk *chunk, struct batch *batch, size_t keep) {
	const uint32_t unit = (uint32_t)(os_page_size() / PAGE_SIZE);
	EACH_FREE_RUN (chunk, 1, run, next) {
		uint32_t page = (uint32_t)align_up(run, unit), end = next & ~(unit - 1);
		if (page >= end)
			continue;
		size_t wanted = chunks.dirty_pages - min_size(keep, chunks.dirty_pages);
		if (batch->n == BATCH || !wanted)
			break;
		uint32_t from = end - (uint32_t)min_size(end - page, align_up(wanted, unit));
		if (!bitmap_count(&chunk->dirty, from, end - from))
			from = page;
		if (!bitmap_count(&chunk->dirty, from, end - from))
			continue;
		buddy_take_at(&chunk->buddy, from, end - from);
		count_taken(chunk, from, end - from);
		batch->runs[batch->n++] = (struct page_run){chunk, from, end - from};
	}
}

/* A chunk with dirty pages from the highest place that begins with one: spans are taken from the
 * lower places first, so its pages are wanted last. When no place begins with one, or with larger
 * kernel pages, of which a chunk may have parts alone, the chunk that has been dirty longest: each
 * in turn. */
static struct chunk *find_dirty(void) {
	for (uint64_t mask = os_page_size() == PAGE_SIZE ? chunks.mask : 0; mask;) {
		unsigned place = 63 - (unsigned)__builtin_clzl(mask);
		struct chunk *chunk = CONTAINER(chunks.places[place].next, struct chunk, link);
		if (chunk->ndirty)
			return chunk;
		mask &= ~((uint64_t)1 << place);
	}
	struct list *oldest = chunks.dirty.next;
	list_delete(oldest);
	list_append(&chunks.dirty, oldest);
	return CONTAINER(oldest, struct chunk, dirty_link);
}

/* Isolates runs with about `ndirty` dirty pages, as far as there are so many and the batch has room. */
static void isolate_runs(struct batch *batch, size_t ndirty) {
	size_t keep = chunks.dirty_pages - min_size(ndirty, chunks.dirty_pages);
	for (size_t n = chunks.count; n && batch->n < BATCH && chunks.dirty_pages > keep; n--)
		isolate_from(find_dirty(), batch, keep);
	if (batch->n)
		list_append(&chunks.purging, &batch->link);
}

void chunk_refuse_huge(struct chunk *chunk) {
	if (atomic_exchange_explicit(&chunk->huge, false, memory_order_relaxed))
		os_huge_pages(chunk->base, CHUNK_SIZE, ADVICE_SMALL);
}

/* Puts the runs of a batch back; purged[i] says that run i is clean now. The pages that became
 * clean. Lock held. */
static size_t put_back_runs(struct batch *batch, const bool *purged) {
	size_t npurged = 0;
	for (unsigned i = 0; i < batch->n; i++) {
		struct page_run *run = &batch->runs[i];
		unsigned ndirty = bitmap_count(&run->chunk->dirty, run->page, run->npages);
		if (purged[i]) {
			npurged += ndirty;
			bitmap_clear(&run->chunk->dirty, run->page, run->npages);
		}
		put_pages(run->chunk, run->page, run->npages, purged[i] ? 0 : ndirty);
	}
	list_delete(&batch->link);
	return npurged;
}

/* Purges the runs of a batch without the lock, and puts them back under it. */
static size_t purge(struct batch *batch) {
	bool purged[BATCH] = {false}, any = false;
	for (unsigned i = 0; i < batch->n && (any || i == 0); i++) { /* or the kernel refuses */
		struct page_run *run = &batch->runs[i];
		chunk_refuse_huge(run->chunk);
		purged[i] = os_purge(run->chunk->base + run->page * PAGE_SIZE, run->npages * PAGE_SIZE);
		any |= purged[i];
	}
	lock_take(&chunk_lock);
	size_t npurged = put_back_runs(batch, purged);
	lock_release(&chunk_lock);
	ledger_note_returned(LEDGER_OUTSIDE_SLABS, npurged);
	return npurged;
}

size_t chunk_purge(size_t npages) {
	struct batch batch = {.n = 0};
	lock_take(&chunk_lock);
	struct chunk *empty = chunks.empty ? detach_empty() : NULL;
	if (!empty && chunks.dirty_pages)
		isolate_runs(&batch, npages);
	lock_release(&chunk_lock);
	if (empty)
		return drop_chunk(empty);
	return batch.n ? purge(&batch) : 0;
}

/* ---- spans ---- */

/* The page from which npages are best taken: at one end of a free run, where the fewest of them are
 * clean (the kernel would have to give these); among equals, in the shortest run. CHUNK_PAGES: no
 * run is so long. */
static unsigned find_pages(struct chunk *chunk, unsigned npages) {
	unsigned best = CHUNK_PAGES, least = UINT32_MAX, longest = npages - 1;
	if (chunk->longest < npages)
		return CHUNK_PAGES;
	EACH_FREE_RUN (chunk, npages, page, end) {
		unsigned length = end - page, last = end - npages;
		longest = longest > length ? longest : length;
		if (length >= least)
			continue; /* it costs no less, were all its pages dirty */
		unsigned first_dirty = count_dirty(chunk, page, npages);
		unsigned last_dirty = first_dirty < npages ? count_dirty(chunk, last, npages) : 0;
		unsigned dirty = first_dirty >= last_dirty ? first_dirty : last_dirty;
		unsigned cost = (npages - dirty) * CHUNK_PAGES + length;
		if (cost < least) {
			least = cost;
			best = first_dirty >= last_dirty ? page : last;
		}
		if (cost == npages)
			return best; /* there is none better */
	}
	chunk->longest = longest;
	return best;
}

/* A chunk with a free run of npages, and the best page in it; with `aligned`, one with a free block
 * of `order`, which holds npages. A chunk whose largest order is k has runs of at most 2^(k+2) - 2
 * pages, so for 5 … 8 pages (order 3) chunks are examined from order 1 on, which may have a run of
 * 6: of each place the first few. */
static struct chunk *find_chunk(unsigned npages, unsigned order, bool aligned, unsigned *page) {
	unsigned least = aligned || order < 2 ? order : order - 2;
	for (unsigned first = 0; first < PLACES; first += ORDERS) {
		uint64_t places = chunks.mask >> first & (((uint64_t)1 << ORDERS) - ((uint64_t)1 << least));
		for (; places; places &= places - 1) {
			const struct list *head = &chunks.places[first + (unsigned)__builtin_ctzl(places)];
			unsigned looks = CHUNK_LOOKS;
			for (struct list *at = head->next; at != head && looks-- > 0; at = at->next) {
				struct chunk *chunk = CONTAINER(at, struct chunk, link);
				if (aligned || (*page = find_pages(chunk, npages)) < CHUNK_PAGES)
					return chunk;
			}
		}
	}
	return NULL;
}

struct span chunk_take(unsigned npages, unsigned align_order) {
	unsigned order = ceil_log2(npages) > align_order ? ceil_log2(npages) : align_order, page = 0;
	lock_take(&chunk_lock);
	if (unlikely(!chunks.ready))
		init_lists();
	struct chunk *chunk = find_chunk(npages, order, align_order > 0, &page);
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
		page = 0;
	}
	if (align_order)
		page = buddy_take(&chunk->buddy, npages, align_order);
	else
		buddy_take_at(&chunk->buddy, page, npages);
	unsigned ndirty = count_taken(chunk, page, npages);
	chunk->npages_at[page] = (uint16_t)npages;
	uint16_t dirty = bitmap_16(&chunk->dirty, page);
	lock_release(&chunk_lock);
	ledger_note_wanted(LEDGER_OUTSIDE_SLABS, npages - ndirty);
	return (struct span){chunk->base + page * PAGE_SIZE, chunk, ndirty == 0, dirty};
}

bool chunk_put(struct chunk *chunk, const void *address, uint16_t dirty) {
	unsigned page = chunk_page(address);
	struct chunk *empty = NULL;
	lock_take(&chunk_lock);
	unsigned npages = chunk_span_at(chunk, address), ndirty = npages;
	if (npages) {
		chunk->npages_at[page] = 0;
		bitmap_set(&chunk->dirty, page, npages);
		for (unsigned clean = (uint16_t)~dirty, i;
		     clean && (i = (unsigned)__builtin_ctz(clean)) < npages; clean &= clean - 1, ndirty--)
			bitmap_clear(&chunk->dirty, page + i, 1);
		put_pages(chunk, page, npages, ndirty);
		if (unlikely(chunks.empty > EMPTY_MAX))
			empty = detach_empty();
	}
	lock_release(&chunk_lock);
	if (empty)
		drop_chunk(empty);
	return npages;
}

unsigned chunk_span_at(const struct chunk *chunk, const void *address) {
	if ((uintptr_t)address % PAGE_SIZE)
		return 0;
	return atomic_load_explicit(&chunk->npages_at[chunk_page(address)], memory_order_relaxed);
}

bool chunk_trim(void) {
	bool any = false;
	while (chunk_purge(SIZE_MAX))
		any = true;
	return pool_trim() || any;
}

bool chunk_resize(struct chunk *chunk, const void *address, unsigned npages) {
	unsigned page = chunk_page(address);
	bool resized = true;
	lock_take(&chunk_lock);
	unsigned old = chunk->npages_at[page], wanted = npages > old ? npages - old : 0;
	if (wanted) {
		resized = buddy_take_at(&chunk->buddy, page + old, wanted);
		wanted = resized ? wanted - count_taken(chunk, page + old, wanted) : 0;
	} else if (npages < old) {
		bitmap_set(&chunk->dirty, page + npages, old - npages);
		put_pages(chunk, page + npages, old - npages, old - npages);
	}
	if (resized)
		chunk->npages_at[page] = (uint16_t)npages;
	lock_release(&chunk_lock);
	ledger_note_wanted(LEDGER_OUTSIDE_SLABS, wanted);
	return resized;
}

char *chunk_span_around(struct chunk *chunk, const void *address, unsigned *npages) {
	unsigned at = chunk_page(address), page = at;
	lock_take(&chunk_lock);
	while (page > 0 && !chunk->npages_at[page])
		page--;
	*npages = chunk->npages_at[page];
	lock_release(&chunk_lock);
	return *npages > at - page ? chunk->base + page * PAGE_SIZE : NULL;
}

/* The stacks of the threads that are not here are still there to be read. */
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

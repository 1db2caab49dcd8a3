/* pool.c (level 3): see pool.h. */
#include "back/pool.h"

#include "back/pool_state.h"
#include "ground/ledger.h"
#include "ground/metadata.h"

static struct pool pool;
struct lock pool_lock = LOCK_INITIAL(RANK_POOL);

const struct pool *pool_state(void) { return &pool; }

static size_t run_pages(const struct run *run) { return run->nchunks * CHUNK_PAGES; }
static size_t run_bytes(const struct run *run) { return run->nchunks * CHUNK_SIZE; }
static unsigned length_of(size_t nchunks) { return (unsigned)min_size(nchunks, LENGTHS - 1); }

static void init_pool(void) {
	for (unsigned n = 0; n < LENGTHS; n++)
		list_init(&pool.lengths[n]);
	list_init(&pool.newest);
	pool.ready = true;
}

/* ---- lists; the lock is held ---- */

static void count_run(const struct run *run, int sign) {
	pool.nruns += (size_t)sign;
	pool.npages += (size_t)sign * run_pages(run);
	pool.ndirty += (size_t)sign * run->ndirty;
	/* Clean pages cost addresses only: they count half. */
	ledger_publish(LEDGER_POOL, 0, max_size(pool.ndirty, pool.npages / 2));
}

static void add_run(struct run *run) {
	unsigned n = length_of(run->nchunks);
	run->owner.kind = OWNER_FREE;
	pagemap_set_owner(run->base, run_bytes(run), &run->owner); /* their leaf is there */
	list_push(&pool.lengths[n], &run->length_link);
	pool.mask |= (uint64_t)1 << n;
	count_run(run, 1);
}

static void remove_run(struct run *run) {
	unsigned n = length_of(run->nchunks);
	run->owner.kind = OWNER_NONE;
	list_delete(&run->length_link);
	if (list_empty(&pool.lengths[n]))
		pool.mask &= ~((uint64_t)1 << n);
	count_run(run, -1);
}

static struct run *take_out(struct run *run) {
	remove_run(run);
	list_delete(&run->age_link);
	return run;
}

/* The run in the pool that an address lies in, or NULL. */
static struct run *free_run_at(const void *address) {
	struct owner *owner = pagemap_owner(address);
	return owner && owner->kind == OWNER_FREE ? (struct run *)owner : NULL;
}

/* Joins b, which lies right behind a; neither is in the pool. */
static void join(struct run *a, struct run *b) {
	a->nchunks += b->nchunks;
	a->ndirty += b->ndirty;
	metadata_put(b, sizeof *b);
}

static bool may_join(const struct run *a, const struct run *b) {
	return b && a->advice == b->advice && a->nchunks + b->nchunks <= RUN_MAX;
}

/* Coalesces a run with its neighbours in the pool; the whole. */
static struct run *coalesce(struct run *run) {
	struct run *before = free_run_at(run->base - 1), *after = free_run_at(run->base + run_bytes(run));
	if (may_join(run, before)) {
		join(take_out(before), run);
		run = before;
	}
	if (may_join(run, after))
		join(run, take_out(after));
	return run;
}

static void put_run(struct run *run) {
	run = coalesce(run);
	add_run(run);
	list_push(&pool.newest, &run->age_link);
}

/* Cuts what is behind the first nchunks off a run that is not in the pool; NULL: no memory for
 * its record. */
static struct run *split_run(struct run *run, size_t nchunks) {
	struct run *rest = metadata_take(sizeof *rest);
	if (!rest)
		return NULL;
	*rest = *run;
	rest->owner.kind = OWNER_NONE;
	rest->size = 0;
	rest->base += nchunks * CHUNK_SIZE;
	rest->nchunks -= nchunks;
	run->nchunks = nchunks;
	rest->ndirty = min_size(rest->ndirty, run_pages(rest));
	run->ndirty = min_size(run->ndirty, run_pages(run));
	run->size = min_size(run->size, run_bytes(run));
	return rest;
}

/* The shortest run of at least nchunks, the newest of these; NULL: none. */
static struct run *find_shortest(size_t nchunks, size_t align) {
	struct run *best = NULL;
	for (uint64_t mask = pool.mask >> length_of(nchunks) << length_of(nchunks); mask && !best;
	     mask &= mask - 1) {
		const struct list *head = &pool.lengths[__builtin_ctzl(mask)];
		for (struct list *at = head->next; at != head; at = at->next) {
			struct run *run = CONTAINER(at, struct run, length_link);
			bool fits = run->nchunks >= nchunks && (uintptr_t)run->base % align == 0;
			if (fits && (!best || run->nchunks < best->nchunks))
				best = run;
			if (best && run->nchunks < LENGTHS - 1)
				break; /* all of this list are as long */
		}
	}
	return best;
}

static struct run *take_from_pool(size_t nchunks, size_t align) {
	struct run *run = pool.ready ? find_shortest(nchunks, align) : NULL, *rest = NULL;
	if (!run)
		return NULL;
	remove_run(run);
	if (run->nchunks > nchunks && !(rest = split_run(run, nchunks))) {
		add_run(run);
		return NULL;
	}
	list_delete(&run->age_link);
	if (rest) {
		/* as old as it was */
		list_add_between(&rest->age_link, run->age_link.prev, run->age_link.next);
		add_run(rest);
	}
	return run;
}

/* ---- taking and putting ---- */

static struct run *map_run(size_t nchunks, size_t align) {
	struct run *run = metadata_take(sizeof *run);
	char *base = run ? os_map_aligned(nchunks * CHUNK_SIZE, align) : NULL;
	if (base) {
		*run = (struct run){.owner = {OWNER_NONE}, .base = base, .nchunks = nchunks};
		if (pagemap_set_owner(base, run_bytes(run), &run->owner))
			return run;
		os_unmap(base, nchunks * CHUNK_SIZE);
	}
	if (run)
		metadata_put(run, sizeof *run);
	return NULL;
}

/* Maps addresses that lie beside a run that is not in the pool, for it; false: they are in use. */
static bool map_beside(struct run *run, char *address, size_t size) {
	if (pagemap_owner(address) || !os_map_at(address, size))
		return false;
	if (!pagemap_set_owner(address, size, &run->owner)) {
		os_unmap(address, size);
		return false;
	}
	os_huge_pages(address, size, run->advice);
	run->nchunks += size >> CHUNK_SHIFT;
	if (address < run->base)
		run->base = address, run->size = 0;
	return true;
}

/* The longest run of the pool, taken out of it; NULL: none, or it is not shorter than nchunks:
 * another thread's came meanwhile, or there was no memory for the record of its rest. */
static struct run *take_longest(size_t nchunks) {
	if (!pool.mask)
		return NULL;
	const struct list *head = &pool.lengths[63 - __builtin_clzl(pool.mask)];
	struct run *longest = CONTAINER(head->next, struct run, length_link);
	for (struct list *at = head->next; at != head; at = at->next)
		if (CONTAINER(at, struct run, length_link)->nchunks > longest->nchunks)
			longest = CONTAINER(at, struct run, length_link);
	return longest->nchunks >= nchunks ? NULL : take_out(longest);
}

/* A run of nchunks of which the pool has the longest part and the kernel gives what lies behind
 * or before it. */
static struct run *complete(size_t nchunks) {
	lock_take(&pool_lock);
	struct run *run = take_longest(nchunks);
	lock_release(&pool_lock);
	if (!run)
		return NULL;
	size_t missing = (nchunks - run->nchunks) * CHUNK_SIZE;
	if (map_beside(run, run->base + run_bytes(run), missing) ||
	    map_beside(run, run->base - missing, missing))
		return run;
	lock_take(&pool_lock);
	put_run(run);
	lock_release(&pool_lock);
	return NULL;
}

struct run *pool_take(size_t nchunks, size_t align) {
	lock_take(&pool_lock);
	struct run *run = take_from_pool(nchunks, align);
	lock_release(&pool_lock);
	if (!run && align == CHUNK_SIZE && nchunks > 1)
		run = complete(nchunks);
	return run ? run : map_run(nchunks, align);
}

/* With the lock, for a neighbour that coalesces reads the record. */
void pool_forget(const struct run *run) {
	lock_take(&pool_lock);
	pagemap_clear_owner(run->base, run_bytes(run));
	lock_release(&pool_lock);
}

/* Purges a run that is not in the pool, and what lies free beside it: of a run that was cut nobody
 * knows which part is dirty. It is in the pool then, for another use or another try. The pages that
 * went back. */
static size_t purge_run(struct run *run) {
	lock_take(&pool_lock);
	run = coalesce(run);
	pagemap_set_owner(run->base, run_bytes(run), &run->owner); /* their leaves are there */
	lock_release(&pool_lock);
	size_t npages = os_purge(run->base, run_bytes(run)) ? run->ndirty : 0;
	run->ndirty -= npages;
	lock_take(&pool_lock);
	put_run(run);
	lock_release(&pool_lock);
	ledger_note_returned(LEDGER_OUTSIDE_SLABS, npages);
	return npages;
}

/* Unmaps a run that is not in the pool, or purges it where the kernel has no room to split a
 * mapping; the pages that went back. */
static size_t unmap_run(struct run *run) {
	size_t npages = run_pages(run);
	pool_forget(run);
	if (!os_unmap(run->base, run_bytes(run)))
		return purge_run(run);
	ledger_note_returned(LEDGER_OUTSIDE_SLABS, run->ndirty);
	metadata_put(run, sizeof *run);
	return npages;
}

void pool_put(struct run *run, size_t ndirty) {
	run->ndirty = ndirty;
	if (run->nchunks > RUN_MAX) {
		unmap_run(run);
		return;
	}
	lock_take(&pool_lock);
	if (!pool.ready)
		init_pool();
	put_run(run);
	lock_release(&pool_lock);
}

/* Takes the first nchunks of the pool's run behind one that was taken, for that. Lock held. */
static bool take_front(struct run *before, size_t nchunks) {
	struct run *run = free_run_at(before->base + run_bytes(before));
	if (!run || run->advice != before->advice || run->nchunks < nchunks)
		return false;
	remove_run(run);
	before->ndirty += min_size(run->ndirty, nchunks * CHUNK_PAGES);
	run->size = 0;
	run->base += nchunks * CHUNK_SIZE;
	run->nchunks -= nchunks;
	run->ndirty = min_size(run->ndirty, run_pages(run));
	if (run->nchunks) {
		add_run(run);
	} else {
		list_delete(&run->age_link);
		metadata_put(run, sizeof *run);
	}
	return true;
}

bool pool_lengthen(struct run *run, size_t nchunks) {
	char *end = run->base + run_bytes(run);
	size_t more = (nchunks - run->nchunks) * CHUNK_SIZE;
	lock_take(&pool_lock);
	bool taken = take_front(run, nchunks - run->nchunks);
	if (taken)
		pagemap_set_owner(end, more, &run->owner);
	lock_release(&pool_lock);
	if (!taken && !pagemap_owner(end) && os_lengthen(run->base, run_bytes(run), run_bytes(run) + more)) {
		/* one mapping still, which the kernel can move at once */
		taken = pagemap_set_owner(end, more, &run->owner);
		if (!taken)
			os_unmap(end, more);
	}
	if (taken)
		run->nchunks = nchunks;
	return taken || map_beside(run, end, more);
}

bool pool_shorten(struct run *run, size_t nchunks) {
	struct run *rest = split_run(run, nchunks);
	if (rest)
		pool_put(rest, run_pages(rest));
	return rest;
}

void pool_advise(struct run *run, enum advice advice) {
	if (advice != run->advice)
		os_huge_pages(run->base, run_bytes(run), advice);
	run->advice = advice;
}

/* ---- giving back ---- */

/* The oldest run, or as many of its last chunks as npages reach into; NULL: none. Lock held. */
static struct run *take_oldest(size_t npages) {
	if (!pool.ready || list_empty(&pool.newest))
		return NULL;
	struct run *run = CONTAINER(pool.newest.prev, struct run, age_link), *rest = NULL;
	size_t nchunks = (min_size(npages, pool.npages) + CHUNK_PAGES - 1) / CHUNK_PAGES;
	remove_run(run);
	if (run->nchunks > nchunks && (rest = split_run(run, run->nchunks - nchunks))) {
		add_run(run);
		return rest;
	}
	list_delete(&run->age_link);
	return run;
}

size_t pool_unmap(size_t npages) {
	lock_take(&pool_lock);
	struct run *run = take_oldest(npages);
	lock_release(&pool_lock);
	return run ? unmap_run(run) : 0;
}

bool pool_trim(void) {
	bool any = false;
	while (pool_unmap(SIZE_MAX))
		any = true;
	return any;
}

struct pool_totals pool_count(void) {
	lock_take(&pool_lock);
	struct pool_totals totals = {pool.nruns, pool.npages, pool.ndirty};
	lock_release(&pool_lock);
	return totals;
}

/* pool_check.c (level 3): verifies P2 and P3 (pool.h), the lists and the counts. Debug builds and
 * tests only. */
#include "back/pool_state.h"

/* Whether every 2 MB of a run is registered for it, and no neighbour should have been coalesced
 * with it. */
static bool is_registered(const struct run *run) {
	for (size_t i = 0; i < run->nchunks; i++)
		if (pagemap_owner(run->base + i * CHUNK_SIZE) != &run->owner)
			return false;
	const struct run *after = (const struct run *)pagemap_owner(run->base + run->nchunks * CHUNK_SIZE);
	bool joins = after && after->owner.kind == OWNER_FREE && after->advice == run->advice &&
	             run->nchunks + after->nchunks <= RUN_MAX;
	return run->owner.kind == OWNER_FREE && !joins;
}

static bool list_holds(const struct pool *pool, unsigned length, struct pool_totals *found) {
	const struct list *head = &pool->lengths[length];
	size_t count = list_count(head, pool->nruns);
	if (count == SIZE_MAX || (pool->mask >> length & 1) != (count > 0))
		return false;
	for (const struct list *at = head->next; at != head; at = at->next) {
		const struct run *run = CONTAINER(at, struct run, length_link);
		if (min_size(run->nchunks, LENGTHS - 1) != length ||
		    run->ndirty > run->nchunks * CHUNK_PAGES || !is_registered(run))
			return false;
		found->nruns++;
		found->npages += run->nchunks * CHUNK_PAGES;
		found->ndirty += run->ndirty;
	}
	return true;
}

bool pool_check(void) {
	const struct pool *pool = pool_state();
	struct pool_totals found = {0, 0, 0};
	lock_take(&pool_lock);
	bool good = true;
	for (unsigned length = 0; pool->ready && good && length < LENGTHS; length++)
		good = list_holds(pool, length, &found);
	good = good && found.nruns == pool->nruns && found.npages == pool->npages &&
	       found.ndirty == pool->ndirty &&
	       (!pool->ready || list_count(&pool->newest, pool->nruns) == pool->nruns);
	lock_release(&pool_lock);
	return good;
}

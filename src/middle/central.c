/* central.c (level 5): see central.h. */
#include "middle/central.h"

#include "back/chunk.h"
#include "ground/ledger.h"
#include "ground/altered.h"
#include "ground/metadata.h"
#include "ground/os.h"
#include "middle/central_state.h"
#include "middle/slab.h"

#include <string.h>

enum {
	DEPOT_BYTES = 256 * 1024, /* of slots in one depot: two batches of the largest class */
	DEPOT_SLOTS = 512,        /* in one depot */
	SCAVENGE_SLABS = 4096,    /* slabs that one scavenge examines */
	EMPTY_BASE = 8,     /* pages: a slab without taken slots stays while free slots fill no more, … */
	EMPTY_SHARE = 4,    /* … plus a fourth of its class's pages */
	DRAINS_SHARE = 8,   /* a class drains when less than an eighth of its slots is taken, … */
	DRAINS_PAGES = 128, /* … on more pages than these */
};

static struct central centrals[CLASSES] = {[0 ... CLASSES - 1] = {.lock = LOCK_INITIAL(RANK_CENTRAL)}};
static _Atomic bool depot_wanted;
_Thread_local struct wrong central_wrong;

struct central *central_state(unsigned class) {
	return &centrals[class];
}

void central_set_depot(bool wanted) { atomic_store_explicit(&depot_wanted, wanted, memory_order_relaxed); }

/* ---- lists by fullness ---- */

static unsigned list_of(const struct slab *slab) {
	if (!slab->nfree)
		return BUCKET_NONE;
	if (slab->nfree == slab->nslots)
		return BUCKET_EMPTY;
	return ((unsigned)slab->nfree * QUARTERS - 1) / slab->nslots;
}

static void unlink_slab(struct central *central, struct slab *slab) {
	if (slab->bucket != BUCKET_NONE)
		list_delete(&slab->link);
	if (slab->bucket == BUCKET_EMPTY)
		central->nempty -= slab->npages;
	slab->bucket = BUCKET_NONE;
	slab->enough = 0;
}

/* The free slots with which a slab stays on its list. */
static uint16_t enough_of(const struct slab *slab, unsigned list) {
	size_t most = (list + 1) * slab->nslots / QUARTERS;
	return (uint16_t)(list == BUCKET_EMPTY ? slab->nslots : min_size(most, slab->nslots - 1u));
}

static void update_list(struct central *central, struct slab *slab) {
	unsigned list = list_of(slab);
	if (list == slab->bucket || slab->bucket == BUCKET_SCAVENGED)
		return;
	unlink_slab(central, slab);
	if (list == BUCKET_NONE)
		return;
	slab->bucket = (unsigned char)list;
	slab->enough = enough_of(slab, list);
	central->nempty += list == BUCKET_EMPTY ? slab->npages : 0;
	list_push(&central->lists[list], &slab->link);
}

static struct slab *fullest(struct central *central) {
	for (unsigned q = 0; q < LISTS; q++)
		if (!list_empty(&central->lists[q]))
			return CONTAINER(central->lists[q].next, struct slab, link);
	return NULL;
}

/* The pages that the class's free slots would fill. */
static size_t free_slot_pages(const struct central *central) {
	return central->nfree * class_size((unsigned)(central - centrals)) >> PAGE_SHIFT;
}

/* Writes into the ledger what the free slots have become; after every change of them. Lock held. */
static void publish_slots(struct central *central) {
	struct published now = {free_slot_pages(central), central->clean, central->purgeable},
	                 *was = &central->published;
	if (now.nfree == was->nfree && now.clean == was->clean && now.purgeable == was->purgeable)
		return;
	ledger_add_slots((ptrdiff_t)(now.nfree - was->nfree), (ptrdiff_t)(now.clean - was->clean),
	                 (ptrdiff_t)(now.purgeable - was->purgeable));
	*was = now;
}

/* ---- making and dropping slabs ---- */

/* Adds what a slab has to the counts of its class, or takes it off (sign -1): after and before each
 * change of the slab. Slots of over 512 bytes leave no end of a slab that none fills, so it lies on the
 * last page. Lock held. */
static void count_slab(struct central *central, const struct slab *slab, size_t sign) {
	bool clean_end = !(slab->dirty >> (slab->npages - 1) & 1);
	central->nfree += sign * slab->nfree;
	central->clean += sign * (slab->npages - (size_t)count_bits(slab->dirty));
	central->purgeable += sign * (size_t)count_bits(slab_purgeable(slab));
	if (clean_end)
		central->clean_tails += sign * (slab->npages * PAGE_SIZE - (size_t)slab->nslots * slab->size);
}

/* Writes into the pagemap what lies on pages of a slab, a bit each: its slots, or (class 0) clean
 * memory, of which no slot can be live: a free of one then goes the slow way, which asks the bitmap,
 * for its mark is gone. */
static void set_page_classes(const struct slab *slab, unsigned pages, unsigned class) {
	for (; pages; pages &= pages - 1)
		pagemap_set_class(slab->base + (size_t)__builtin_ctz(pages) * PAGE_SIZE, 1, class);
}

static struct slab *make_slab_of(unsigned class, unsigned npages) {
	size_t record_size = slab_record_size((unsigned)(npages * PAGE_SIZE / class_size(class)), npages);
	struct slab *slab = metadata_take(record_size);
	if (!slab)
		return NULL;
	struct span span = chunk_take(npages, 0);
	if (!span.base) {
		metadata_put(slab, record_size);
		return NULL;
	}
	slab_init(slab, span.base, class_size(class), npages, (uint16_t)(span.dirty & ((1u << npages) - 1)));
	slab->class = (unsigned char)class;
	slab->bucket = BUCKET_NONE;
	slab->enough = slab->scavenged = 0;
	unsigned page = chunk_page(span.base);
	for (unsigned i = 0; i < npages; i++)
		span.chunk->slab_of_page[page + i] = slab;
	set_page_classes(slab, slab->dirty, class);
	return slab;
}

/* A new slab has about as many pages as its class has already, at most 16: a class with few slots
 * takes few pages. When there is no memory for that, the smallest one. */
static struct slab *make_slab(unsigned class, size_t class_pages) {
	unsigned want = 1;
	while (want < SLAB_MAX_PAGES && want * 2 <= class_pages)
		want *= 2;
	struct slab *slab = make_slab_of(class, class_slab_pages(class, want));
	if (!slab && class_slab_pages(class, 1) < class_slab_pages(class, want))
		slab = make_slab_of(class, class_slab_pages(class, 1));
	return slab;
}

static void attach_slab(struct central *central, struct slab *slab) {
	central->nslabs++;
	central->npages += slab->npages;
	central->nslots += slab->nslots;
	count_slab(central, slab, 1);
	publish_slots(central);
	update_list(central, slab);
}

static void detach_slab(struct central *central, struct slab *slab) {
	unlink_slab(central, slab);
	central->nslabs--;
	central->npages -= slab->npages;
	central->nslots -= slab->nslots;
	count_slab(central, slab, (size_t)-1);
	publish_slots(central);
}

/* Drops detached slabs, which are chained by link.next; how many. Without the lock. */
static size_t drop_slabs(struct list *chain) {
	size_t dropped = 0;
	for (; chain; dropped++) {
		struct slab *slab = CONTAINER(chain, struct slab, link);
		chain = chain->next;
		struct chunk *chunk = (struct chunk *)pagemap_owner(slab->base);
		if (!altered_renew(slab->base, slab->npages * PAGE_SIZE, chunk_advice(chunk)))
			continue; /* never used again */
		pagemap_set_class(slab->base, slab->npages, 0);
		for (unsigned i = 0; i < slab->npages; i++)
			chunk->slab_of_page[chunk_page(slab->base) + i] = NULL;
		chunk_put(chunk, slab->base, slab->dirty);
		metadata_put(slab, slab_record_size(slab->nslots, slab->npages));
	}
	return dropped;
}

/* ---- the depot ---- */

static unsigned depot_take(struct central *central, void **slots, unsigned n) {
	n = (unsigned)min_size(n, central->ndepot);
	central->ndepot -= n;
	if (n)
		memcpy(slots, central->depot + central->ndepot, n * sizeof *slots);
	return n;
}

static bool depot_put(struct central *central, unsigned class, void *const *slots, unsigned n) {
	if (central->ndepot + n > min_size(DEPOT_SLOTS, DEPOT_BYTES / class_size(class)))
		return false;
	if (!central->depot)
		central->depot = metadata_take(DEPOT_SLOTS * sizeof *central->depot);
	if (!central->depot)
		return false;
	memcpy(central->depot + central->ndepot, slots, n * sizeof *slots);
	central->ndepot += n;
	return true;
}

/* ---- refill and flush ---- */

/* Counts a slab from which slots were just taken; `before`: its dirty pages before. Lock held. */
static void recount(struct central *central, struct slab *slab, uint16_t before) {
	unsigned fetched = slab->dirty & (unsigned)~before;
	set_page_classes(slab, fetched, slab->class);
	count_slab(central, slab, 1);
	central->wanted += (size_t)count_bits(fetched & slab->scavenged);
	slab->scavenged &= (uint16_t)~fetched;
	update_list(central, slab);
	publish_slots(central);
}

/* Releases the lock after slots were taken. */
static void release_noting(struct central *central) {
	size_t wanted = central->wanted;
	central->wanted = 0;
	lock_release(&central->lock);
	ledger_note_wanted(LEDGER_INSIDE_SLABS, wanted);
}

/* Takes n slots from a slab, or those of a line (n 0). Lock held. */
static unsigned take_slots_from(struct central *central, struct slab *slab, void **slots, unsigned n) {
	uint16_t before = slab->dirty;
	count_slab(central, slab, (size_t)-1);
	unsigned taken = n ? slab_take(slab, slots, n) : slab_take_line(slab, slots);
	recount(central, slab, before);
	return taken;
}

/* Lock held. */
static unsigned take_from_slabs(struct central *central, void **slots, unsigned n) {
	unsigned taken = 0;
	struct slab *slab;
	while (taken < n && (slab = fullest(central)))
		taken += take_slots_from(central, slab, slots + taken, n - taken);
	return taken;
}

static void init_central(struct central *central) {
	for (unsigned q = 0; q < LISTS; q++)
		list_init(&central->lists[q]);
	list_init(&central->scavenged);
	central->ready = true;
}

/* Makes and attaches a slab of the class; NULL: no memory. Lock held, but released while the slab
 * is made. */
static struct slab *add_slab(struct central *central, unsigned class) {
	size_t class_pages = central->npages;
	lock_release(&central->lock);
	struct slab *slab = make_slab(class, class_pages);
	lock_take(&central->lock);
	if (slab)
		attach_slab(central, slab);
	return slab;
}

unsigned central_refill(unsigned class, void **slots, unsigned n) {
	struct central *central = &centrals[class];
	lock_take(&central->lock);
	if (unlikely(!central->ready))
		init_central(central);
	unsigned taken = depot_take(central, slots, n);
	if (!taken)
		taken = take_from_slabs(central, slots, n);
	struct slab *slab = taken ? NULL : add_slab(central, class);
	if (slab) /* from it: a slab freed into meanwhile would come first */
		taken = take_slots_from(central, slab, slots, n);
	release_noting(central);
	return taken;
}

unsigned central_refill_line(unsigned class, void **slots) {
	struct central *central = &centrals[class];
	unsigned taken = 0;
	lock_take(&central->lock);
	for (unsigned q = 0; central->ready && q < LISTS && !taken; q++) {
		struct list *head = &central->lists[q];
		if (!list_empty(head))
			taken = take_slots_from(central, CONTAINER(head->next, struct slab, link), slots, 0);
	}
	release_noting(central);
	return taken;
}

void *central_take_random(unsigned class, uint64_t random) {
	struct central *central = &centrals[class];
	lock_take(&central->lock);
	if (unlikely(!central->ready))
		init_central(central);
	struct slab *slab = fullest(central);
	if (!slab)
		slab = add_slab(central, class);
	void *slot = NULL;
	if (slab) {
		uint16_t before = slab->dirty;
		count_slab(central, slab, (size_t)-1);
		slot = slab_take_nth(slab, (unsigned)(random % slab->nfree));
		recount(central, slab, before);
	}
	release_noting(central);
	return slot;
}

static void detach_to(struct list **chain, struct central *central, struct slab *slab) {
	detach_slab(central, slab);
	slab->link.next = *chain;
	*chain = &slab->link;
}

/* What is to be done with a slab that has more free slots than `enough`: it moves to another
 * list, or, by H4, is detached and chained to be dropped. Lock held. */
static COLD void outgrow(struct central *central, struct slab *slab, struct list **chain) {
	if (slab->nfree < slab->nslots ||
	    free_slot_pages(central) <= EMPTY_BASE + central->npages / EMPTY_SHARE) {
		update_list(central, slab);
		return;
	}
	detach_to(chain, central, slab);
	const struct list *empty = &central->lists[BUCKET_EMPTY];
	while (central->nempty > EMPTY_BASE + central->npages / EMPTY_SHARE)
		detach_to(chain, central, CONTAINER(empty->prev, struct slab, link)); /* the oldest */
}

/* Frees up to BATCH_MAX slots into their slabs; the answer is central_flush's. All slabs are found
 * first, so that the processor fetches many records at once. Lock held. */
static void put_slots(struct central *central, unsigned class, void *const *slots, unsigned n,
                      struct list **chain) {
	struct slab *slabs[BATCH_MAX];
	for (unsigned i = 0; i < n; i++) {
		if (i && ((uintptr_t)slots[i] ^ (uintptr_t)slots[i - 1]) < PAGE_SIZE) {
			slabs[i] = slabs[i - 1];
			continue;
		}
		slabs[i] = chunk_slab_of(slots[i]);
		__builtin_prefetch(slabs[i], 1);
	}
	for (unsigned i = 0; i < n; i++) {
		struct slab *slab = slabs[i];
		uint16_t empty = slab ? slab->empty : 0;
		if (likely(slab && slab->class == class && slab_put(slab, slots[i]) == SLAB_OK)) {
			central->nfree++;
			if (unlikely(slab->empty != empty)) /* what a slot was taken on is dirty */
				central->purgeable += (size_t)count_bits(slab->empty ^ empty);
			if (unlikely(slab->nfree > slab->enough))
				outgrow(central, slab, chain);
		} else {
			central_note_wrong(slots[i], class);
		}
	}
	publish_slots(central);
	bool drains = central->npages > DRAINS_PAGES &&
	              (central->nslots - central->nfree) * DRAINS_SHARE < central->nslots;
	atomic_store_explicit(&central->drains, drains, memory_order_relaxed);
}

/* Frees what is in the depot into its slabs. Lock held. */
static void empty_depot(struct central *central, unsigned class, struct list **chain) {
	while (central->ndepot) {
		unsigned n = (unsigned)min_size(central->ndepot, BATCH_MAX);
		central->ndepot -= n;
		put_slots(central, class, central->depot + central->ndepot, n, chain);
	}
}

void central_flush(unsigned class, void *const *slots, unsigned n) {
	struct central *central = &centrals[class];
	struct list *chain = NULL;
	bool wanted = atomic_load_explicit(&depot_wanted, memory_order_relaxed);
	lock_take(&central->lock);
	if (!wanted)
		empty_depot(central, class, &chain);
	if (!wanted || !depot_put(central, class, slots, n))
		put_slots(central, class, slots, n, &chain);
	lock_release(&central->lock);
	drop_slabs(chain);
}

/* ---- scavenging: purging empty pages inside slabs that are partly used ---- */

/* Of pages of a slab those that make up whole pages of the kernel. */
static uint16_t whole_kernel_pages(const struct slab *slab, uint16_t pages) {
	unsigned n = (unsigned)(os_page_size() / PAGE_SIZE), all = (1u << n) - 1, whole = 0;
	for (unsigned page = -(unsigned)((uintptr_t)slab->base / PAGE_SIZE) % n; page < 16; page += n)
		whole |= ((unsigned)pages >> page & all) == all ? all << page : 0;
	return (uint16_t)whole;
}

/* Isolates about npages purgeable pages, beginning with the slabs that have the most free slots and
 * changed their list longest ago, and moves these slabs to the end of the list of the scavenged;
 * detaches slabs without a taken slot to a chain. Returns how many were moved. Lock held. */
static unsigned isolate_slabs(struct central *central, size_t npages, struct list **empty_slabs) {
	unsigned looked = 0, isolated = 0;
	size_t found = 0;
	for (unsigned q = LISTS; q-- > 0;) {
		struct list *head = &central->lists[q], *next;
		for (struct list *at = head->prev; at != head && looked < SCAVENGE_SLABS && found < npages;
		     at = next, looked++) {
			struct slab *slab = CONTAINER(at, struct slab, link);
			uint16_t pages = whole_kernel_pages(slab, slab_purgeable(slab));
			next = at->prev;
			found += (size_t)count_bits(pages);
			if (slab->nfree == slab->nslots) {
				detach_to(empty_slabs, central, slab);
				continue;
			}
			if (!pages)
				continue;
			count_slab(central, slab, (size_t)-1);
			slab_isolate(slab, pages);
			set_page_classes(slab, pages, 0);
			count_slab(central, slab, 1);
			unlink_slab(central, slab);
			slab->bucket = BUCKET_SCAVENGED;
			slab->enough = UINT16_MAX;
			list_append(&central->scavenged, &slab->link);
			isolated++;
		}
	}
	publish_slots(central);
	return isolated;
}

/* Purges the isolated pages of a slab, a run at a time; returns those that are clean now. Without
 * the lock. */
static uint16_t purge_isolated(const struct slab *slab) {
	unsigned pages = slab->isolated, purged = 0;
	struct chunk *chunk = (struct chunk *)pagemap_owner(slab->base);
	chunk_refuse_huge(chunk);
	while (pages) {
		unsigned first = (unsigned)__builtin_ctz(pages);
		unsigned n = (unsigned)__builtin_ctz(~(pages >> first));
		unsigned run = ((1u << n) - 1) << first;
		char *at = slab->base + first * PAGE_SIZE;
		if (altered_renew(at, n * PAGE_SIZE, chunk_advice(chunk)) && os_purge(at, n * PAGE_SIZE))
			purged |= run;
		else if (!purged)
			break; /* the kernel refuses */
		pages &= ~run;
	}
	return (uint16_t)purged;
}

/* Puts back a slab whose pages `purged` are clean now. Lock held. */
static void put_back_slab(struct central *central, struct slab *slab, uint16_t purged, struct list **empty) {
	count_slab(central, slab, (size_t)-1);
	set_page_classes(slab, slab->isolated & (unsigned)~purged, slab->class);
	slab_put_back(slab, purged);
	count_slab(central, slab, 1);
	slab->scavenged |= purged;
	publish_slots(central);
	unlink_slab(central, slab);
	if (slab->nfree < slab->nslots)
		update_list(central, slab);
	else
		detach_to(empty, central, slab);
}

size_t central_purge(unsigned class, size_t npages) {
	struct central *central = &centrals[class];
	struct list *empty = NULL;
	lock_take(&central->lock);
	struct list *last = central->scavenged.prev;
	unsigned n = central->ready ? isolate_slabs(central, npages, &empty) : 0;
	struct list *at = n ? last->next : NULL;
	lock_release(&central->lock);
	size_t purged = 0;
	bool refused = false;
	for (; n > 0; n--) {
		struct slab *slab = CONTAINER(at, struct slab, link);
		uint16_t pages = refused ? 0 : purge_isolated(slab);
		purged += (size_t)count_bits(pages);
		refused = !purged;
		lock_take(&central->lock);
		at = at->next;
		put_back_slab(central, slab, pages, &empty);
		lock_release(&central->lock);
	}
	ledger_note_returned(LEDGER_INSIDE_SLABS, purged);
	return purged + drop_slabs(empty);
}

bool central_drains(unsigned class) {
	return atomic_load_explicit(&centrals[class].drains, memory_order_relaxed);
}

bool central_trim(void) {
	bool any = false;
	for (unsigned class = 1; class < CLASSES; class ++) {
		struct central *central = &centrals[class];
		struct list *chain = NULL;
		lock_take(&central->lock);
		empty_depot(central, class, &chain);
		lock_release(&central->lock);
		drop_slabs(chain);
		while (central_purge(class, SIZE_MAX))
			any = true;
	}
	return any;
}

/* Whether the isolated pages were purged before the fork is not known, so they count as dirty. */
void central_after_fork(void) {
	for (unsigned class = 1; class < CLASSES; class ++) {
		struct central *central = &centrals[class];
		struct list *empty = NULL;
		lock_take(&central->lock);
		while (central->ready && !list_empty(&central->scavenged))
			put_back_slab(central, CONTAINER(central->scavenged.next, struct slab, link), 0,
			              &empty);
		lock_release(&central->lock);
		drop_slabs(empty);
	}
}

/* ---- the rest ---- */

struct central_totals central_count(unsigned class) {
	struct central *central = &centrals[class];
	lock_take(&central->lock);
	struct central_totals totals = {central->nslabs,    central->npages,     central->clean,
	                                central->purgeable, central->nslots,     central->nfree,
	                                central->ndepot,    central->clean_tails};
	lock_release(&central->lock);
	return totals;
}

void central_lock_all(void) {
	for (unsigned class = 0; class < CLASSES; class ++)
		lock_take_for_fork(&centrals[class].lock);
}

void central_unlock_all(void) {
	for (unsigned class = CLASSES; class -- > 0;)
		lock_release_after_fork(&centrals[class].lock);
}

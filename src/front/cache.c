/* cache.c (level 6): see cache.h. */
#include "front/cache.h"

#include "back/large.h"
#include "ground/ledger.h"
#include "ground/metadata.h"
#include "ground/os.h"
#include "middle/slab.h"

#include <string.h>

enum {
	MAGAZINE_BYTES = 256 * 1024,      /* of slots in one magazine at most … */
	MAGAZINE_SLOTS = 255,             /* … and in number; with the NULL a power of two */
	MAGAZINE_DRAINED = 31,            /* … while the class drains */
	MAGAZINE_FIRST = 7,               /* slots in a magazine's first array, … */
	MAGAZINE_FIRST_BYTES = 32 * 1024, /* … or fewer: of these bytes together */
	FIRST_BATCH_BYTES = 256,          /* of slots in a magazine's first refill */
	ALL_CACHES_BYTES = 4096 * 1024,   /* at most, and … */
	ALL_CACHES_SHARE = 3, /* … a third of the live memory, is shared out; but to each thread … */
	CACHE_BYTES_MIN = 64 * 1024,   /* … at least this */
	CACHE_BYTES_MAX = 1024 * 1024, /* … and at most this */
	ADOPT_TRIES = 16,
	TICKS_PER_RECLAIM = 64, /* slow calls between two times that what could go back is examined */
	MAGAZINES_PER_RECLAIM = 8,
};
_Static_assert(MAGAZINE_SLOTS / 2 + 1 <= BATCH_MAX, "half a magazine is a batch");

static void *const nothing = NULL;
static const struct cache empty_cache = {
        .top = {[0 ... CLASSES - 1] = (void **)(uintptr_t)&nothing},
        .full = {[0 ... CLASSES - 1] = (void **)(uintptr_t)&nothing},
};

_Thread_local struct cache *thread_cache = (struct cache *)(uintptr_t)&empty_cache;
HIDDEN_TLS struct cache *own_cache; /* the thread's own, also when it is bypassed; NULL until there is one */

static struct {
	struct list all;           /* the cache that was examined last is the last one */
	_Atomic size_t count;      /* caches */
	_Atomic size_t owned;      /* those whose thread has not been found to have ended */
	_Atomic uint64_t asked_at; /* the millisecond in which a thread was found running, or 0 */
	bool bypassed;
} caches = {.all = {&caches.all, &caches.all}};
struct lock cache_lock = LOCK_INITIAL(RANK_CACHES);

/* ---- magazines ---- */

static size_t array_size(unsigned capacity) { return (capacity + 1) * sizeof(void *); }

static void set_full(struct cache *cache, unsigned class, void **full) {
	__atomic_store_n(&cache->full[class], full, __ATOMIC_RELAXED);
}

static void **magazine_base(const struct cache *cache, unsigned class) {
	return cache->full[class] - cache->capacity[class];
}

static uint16_t magazine_count(const struct cache *cache, unsigned class) {
	return (uint16_t)(cache->top[class] - magazine_base(cache, class));
}

static unsigned capacity_max(unsigned class) {
	size_t slots = MAGAZINE_BYTES / class_size(class);
	return (unsigned)max_size(min_size(slots, MAGAZINE_SLOTS), 2);
}

static bool has_asked(const struct cache *cache, unsigned class) {
	return cache->asked[class / 64] >> class % 64 & 1;
}

/* How many slots a refill takes: half a magazine; the first time at most 256 bytes of them, for the
 * thread may never ask for this class again. */
static unsigned refill_count(const struct cache *cache, unsigned class, bool first) {
	size_t half = (cache->capacity[class] + 1u) / 2;
	size_t few = first ? FIRST_BATCH_BYTES / class_size(class) : half;
	return (unsigned)max_size(min_size(half, few), 1);
}

static size_t share_of_thread(void) {
	size_t owned = atomic_load_explicit(&caches.owned, memory_order_relaxed);
	size_t all = min_size((ledger_used() << PAGE_SHIFT) / ALL_CACHES_SHARE, ALL_CACHES_BYTES);
	size_t share = all / max_size(owned, 1);
	return max_size(min_size(share, CACHE_BYTES_MAX), CACHE_BYTES_MIN);
}

/* Makes a magazine's first array, or doubles it within the thread's share. False: it stays as it
 * is. */
static bool grow(struct cache *cache, unsigned class) {
	unsigned old = cache->capacity[class];
	size_t first = min_size(MAGAZINE_FIRST, MAGAZINE_FIRST_BYTES / class_size(class));
	unsigned capacity = (unsigned)min_size(old ? 2 * old + 1 : first, capacity_max(class));
	if (capacity == old)
		return false;
	size_t bytes = (capacity - old) * class_size(class);
	if (old && cache->bytes + bytes > share_of_thread())
		return false;
	void **array = metadata_take(array_size(capacity));
	if (!array)
		return false;
	void **base = magazine_base(cache, class);
	void **top = cache->top[class];
	memcpy(array, base, (size_t)(top - base + 1) * sizeof *array);
	cache_set_top(cache, class, array + (top - base));
	set_full(cache, class, array + capacity);
	__atomic_store_n(&cache->capacity[class], (uint16_t)capacity, __ATOMIC_RELAXED);
	cache->bytes += bytes;
	if (old)
		metadata_put(base, array_size(old));
	TELL_LEFT(cache);
	return true;
}

/* Returns the oldest half of a full magazine to the central list. */
static void flush_half(struct cache *cache, unsigned class) {
	void *batch[BATCH_MAX];
	void **base = magazine_base(cache, class);
	unsigned n = (cache->capacity[class] + 1u) / 2, rest = cache->capacity[class] - n;
	memcpy(batch, base + 1, n * sizeof *batch);
	memmove(base + 1, base + 1 + n, rest * sizeof *batch);
	cache_set_top(cache, class, base + rest);
	central_flush(class, batch, n);
}

/* Empties a magazine. The NULL under its oldest slot says where it ends: in the child of a fork the
 * capacity of another thread's magazine may not fit its array. */
static void flush_magazine(struct cache *cache, unsigned class) {
	void *batch[BATCH_MAX], **top;
	while (*(top = cache->top[class])) {
		unsigned n = 0;
		while (*top && n < BATCH_MAX)
			batch[n++] = *top--;
		cache_set_top(cache, class, top);
		central_flush(class, batch, n);
	}
	if (cache->capacity[class])
		set_full(cache, class, top + cache->capacity[class]);
}

static void flush_cache(struct cache *cache) {
	for (unsigned class = 1; class < CLASSES; class ++)
		flush_magazine(cache, class);
}

/* ---- owners ---- */

/* The word of an owner is 0, an os_thread or OWNER_FLUSH, and above it how often the cache has changed hands:
 * a word that was read before the kernel was asked is never taken for that of a later thread, which may
 * have the same id. */
#define OWNER_IDS (((uint64_t)1 << OS_THREAD_BITS) - 1)
enum { OWNER_FLUSH = OS_LEADER + 1 }; /* whoever empties it: like a leader never asked about */

static void count_owned(ptrdiff_t change) {
	lock_take(&cache_lock);
	caches.owned += (size_t)change;
	central_set_depot(caches.owned > 1);
	lock_release(&cache_lock);
}

/* Makes the next cache in turn that of `owner`, if its thread has ended, or if it has none and a flush does
 * not ask; else NULL. There is one, and none is ever destroyed. A cache that has this thread's id and is
 * not its own was left by a thread that had the id before. */
static struct cache *take_next(uint64_t owner) {
	lock_take(&cache_lock);
	struct list *first = caches.all.next;
	list_delete(first);
	list_append(&caches.all, first);
	lock_release(&cache_lock);
	struct cache *cache = CONTAINER(first, struct cache, link);
	uint64_t word = cache->owner, was = word & OWNER_IDS, next = ((word | OWNER_IDS) + 1) | owner;
	bool again = own_cache && was == (own_cache->owner & OWNER_IDS) && was != OS_LEADER;
	if (cache == own_cache || (!was && owner == OWNER_FLUSH))
		return NULL;
	bool runs = was && !again && !os_has_ended(was);
	caches.asked_at = runs ? os_milliseconds() : 0;
	if (runs || !atomic_compare_exchange_strong(&cache->owner, &word, next))
		return NULL;
	TELL_TAKEN_OVER(cache);
	count_owned((owner != OWNER_FLUSH) - (was != 0));
	return cache;
}

static struct cache *make_cache(uint64_t owner) {
	struct cache *cache = metadata_take(sizeof *cache);
	if (!cache)
		return NULL;
	memcpy(cache, &empty_cache, sizeof *cache);
	cache->owner = owner;
	lock_take(&cache_lock);
	list_append(&caches.all, &cache->link);
	caches.count++;
	lock_release(&cache_lock);
	count_owned(1);
	return cache;
}

static COLD struct cache *obtain_cache(void) {
	uint64_t owner = os_thread();
	struct cache *cache = NULL;
	for (size_t tries = min_size(caches.count, ADOPT_TRIES); tries > 0 && !cache; tries--)
		cache = take_next(owner);
	return own_cache = cache ? cache : make_cache(owner);
}

static struct cache *get_cache(void) { return likely(own_cache) ? own_cache : obtain_cache(); }

/* Takes over the next cache in turn, if its thread has ended, and empties it. */
static void flush_next_ended(void) {
	struct cache *cache = take_next(OWNER_FLUSH);
	if (!cache)
		return;
	flush_cache(cache);
	cache->owner &= ~OWNER_IDS;
}

/* Takes the array of an empty magazine away, so that its share of the bytes is there for other
 * classes. */
static void drop_magazine(struct cache *cache, unsigned class) {
	unsigned capacity = cache->capacity[class];
	if (!capacity)
		return;
	void **base = magazine_base(cache, class);
	__atomic_store_n(&cache->capacity[class], 0, __ATOMIC_RELAXED);
	cache_set_top(cache, class, empty_cache.top[class]);
	set_full(cache, class, empty_cache.full[class]);
	cache->bytes -= capacity * class_size(class);
	metadata_put(base, array_size(capacity));
}

/* Flushes those of the next eight magazines that hold as many slots as when they were examined
 * last: a few slots can keep many slabs from being dropped. */
static void flush_idle_magazines(struct cache *cache) {
	for (unsigned i = 0; i < MAGAZINES_PER_RECLAIM; i++) {
		unsigned class = cache->next_idle = (cache->next_idle + 1) % CLASSES;
		if (cache->seen[class] == magazine_count(cache, class)) {
			flush_magazine(cache, class);
			drop_magazine(cache, class);
		}
		cache->seen[class] = magazine_count(cache, class);
	}
}

void cache_tick(void) {
	struct cache *cache = own_cache;
	if (likely(!cache || ++cache->ticks % TICKS_PER_RECLAIM))
		return;
	if (likely(!caches.bypassed))
		thread_cache = cache;
	if (caches.count > 1 && caches.asked_at != os_milliseconds())
		flush_next_ended();
	flush_idle_magazines(cache);
	TELL_LEFT(cache);
}

/* ---- the slow paths ---- */

static void *hand_out(void *slot) {
	mark_clear(slot);
	return slot;
}

void *cache_take(unsigned class) {
	struct cache *cache = get_cache();
	void *batch[BATCH_MAX], *slot;
	if (unlikely(!cache))
		return central_refill(class, batch, 1) ? hand_out(batch[0]) : NULL;
	slot = cache_pop(cache, class);
	if (slot)
		return hand_out(slot);
	bool first = !has_asked(cache, class);
	grow(cache, class);
	unsigned n = first && cache->capacity[class] ? central_refill_line(class, batch) : 0;
	if (!n)
		n = central_refill(class, batch, refill_count(cache, class, first));
	cache->asked[class / 64] |= (uint64_t)1 << class % 64;
	if (!n)
		return NULL;
	/* The lowest address goes out now, the next lowest lies on top. */
	void **top = cache->top[class];
	if (unlikely(cache->full[class] - top < (ptrdiff_t)n - 1)) /* by what the program did meanwhile */
		central_flush(class, batch + 1, n - 1), n = 1;
	for (unsigned i = n; i-- > 1;)
		*++top = batch[i];
	if (n > 1)
		cache_set_top(cache, class, top);
	return hand_out(batch[0]);
}

static bool push(struct cache *cache, unsigned class, void *slot) {
	void **top = cache->top[class];
	if (top == cache->full[class])
		return false;
	top[1] = slot;
	cache_set_top(cache, class, top + 1);
	return true;
}

void cache_put(unsigned class, void *slot) {
	if (unlikely(!mark_is_live(chunk_slab_of(slot), slot)))
		return central_note_wrong(slot, class);
	bool barred = mark_is_barred(slot);
	struct cache *cache = get_cache();
	if (likely(!barred))
		mark_set(slot);
	if (unlikely(!cache || barred))
		return central_flush(class, &slot, 1);
	cache_tick();
	if (push(cache, class, slot))
		return;
	bool hand_on = !cache->capacity[class] && !has_asked(cache, class);
	bool drains = central_drains(class);
	if (unlikely(drains && cache->capacity[class] > MAGAZINE_DRAINED)) {
		flush_magazine(cache, class);
		drop_magazine(cache, class);
	}
	bool grown = !(drains && cache->capacity[class] == MAGAZINE_DRAINED) && grow(cache, class);
	if (hand_on || !cache->capacity[class])
		return central_flush(class, &slot, 1);
	if (!grown)
		flush_half(cache, class);
	push(cache, class, slot);
}

void cache_flush_all(void) {
	if (own_cache)
		flush_cache(own_cache);
	for (size_t n = atomic_load_explicit(&caches.count, memory_order_relaxed); n > 0; n--)
		flush_next_ended();
}

size_t cache_count(unsigned class) {
	size_t total = 0;
	lock_take(&cache_lock);
	for (struct list *at = caches.all.next; at != &caches.all; at = at->next) {
		const struct cache *cache = CONTAINER(at, struct cache, link);
		unsigned capacity = __atomic_load_n(&cache->capacity[class], __ATOMIC_RELAXED);
		ptrdiff_t room = __atomic_load_n(&cache->full[class], __ATOMIC_RELAXED) -
		                 __atomic_load_n(&cache->top[class], __ATOMIC_RELAXED);
		if (room >= 0 && room <= capacity)
			total += capacity - (size_t)room;
	}
	lock_release(&cache_lock);
	return total;
}

void cache_after_fork(void) {
	central_set_depot(false);
	chunk_after_fork();
	central_after_fork();
	for (struct list *at = caches.all.next; at != &caches.all; at = at->next) {
		struct cache *cache = CONTAINER(at, struct cache, link);
		cache->owner = cache == own_cache ? OS_LEADER : 0;
		if (cache == own_cache)
			continue;
		flush_cache(cache);
		/* Its thread may have been in the middle of changing a magazine, so which array is whose cannot be
		 * told: the arrays, some KB, are lost to this child. */
		memcpy(cache, &empty_cache, offsetof(struct cache, link));
	}
	central_wrong.class = 0; /* a slot that was wrong was being moved when the fork came */
	mark_after_fork();
	caches.owned = own_cache != NULL;
}

void cache_begin_thread(void) { thread_cache = (struct cache *)(uintptr_t)&empty_cache; }

void cache_bypass(void) {
	caches.bypassed = true;
	cache_begin_thread();
}

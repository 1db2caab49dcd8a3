/* cache.h (level 6): a thread's free slots, one magazine per size class: an array of pointers, used
 * as a stack.
 *
 * T1. top[c] points at the place of the newest slot of magazine c; under the oldest slot lies a
 *     NULL, which a pop of an empty magazine reads. A magazine without an array is empty and full
 *     at once, so no branch asks whether it has one.
 * T2. full[c] is top[c]'s last place; magazine c holds at most capacity[c] = full[c] - (place of
 *     the NULL) slots.
 * T3. A thread starts with empty_cache, which is shared and never written to. It has a cache of its own
 *     from its first call on, but its fast path uses that only after some slow calls, at most 64: so a
 *     short program's frees, and the first of a long one, are all compared with the slabs' bitmaps.
 * T4. A cache belongs to the thread that its owner's word names. A thread that ends leaves the word;
 *     once the kernel knows no such thread of this process, whoever comes next (a new thread, or a busy
 *     one in passing) takes the cache over with what is in it, by a compare and swap of the word. So
 *     thread exit needs no hook, and frees that come after every hook are ordinary frees.
 * T5. A thread that never asked for a class hands on the first slot of it that it frees, and begins with
 *     slots on lines of their own: the slot was another thread's, and would share its line with that
 *     thread's others for good (passive false sharing).
 * T6. A slot is stored before the top that covers it, so that a fork at any instant leaves the child
 *     magazines that name only free slots, some perhaps twice.
 */
#ifndef CACHE_H
#define CACHE_H

#include "back/chunk.h"
#include "ground/list.h"
#include "ground/pagemap.h"
#include "guard/mark.h"
#include "middle/central.h"

struct cache {
	void **top[CLASSES];
	void **full[CLASSES];
	uint16_t capacity[CLASSES];
	uint64_t asked[CLASSES / 64 + 1]; /* bit c: the thread has asked for class c */
	unsigned ticks;                   /* slow calls */
	unsigned next_idle;               /* the class whose magazine is examined next */
	uint16_t seen[CLASSES];           /* how many slots it had then */
	size_t bytes;                     /* sum of capacity * size: bounded by the share of a thread */
	struct list link;
	_Atomic uint64_t owner; /* T4 */
};
_Static_assert(sizeof(struct cache) <= 2048, "a thread that holds little costs little");

/* The cache that fast paths use: the thread's own, or empty_cache, which sends each call to its
 * slow twin. */
extern _Thread_local struct cache *thread_cache __attribute__((tls_model("initial-exec")));

/* The owner reads its tops plainly and stores them by this, after what they cover (T6); others
 * read them atomically. */
static inline void cache_set_top(struct cache *cache, size_t class, void **top) {
	atomic_signal_fence(memory_order_release);
	__atomic_store_n(&cache->top[class], top, __ATOMIC_RELAXED);
	TELL_LEFT(cache);
}

/* Pops a slot of a class, its mark being the caller's to clear; NULL: the magazine is empty. */
static inline void *cache_pop(struct cache *cache, size_t class) {
	void **top = cache->top[class];
	void *slot = *top;
	if (likely(slot))
		cache_set_top(cache, class, top - 1);
	return slot;
}

/* Takes a slot of a class; NULL: the magazine is empty. */
static inline void *cache_take_fast(struct cache *cache, size_t class) {
	void *slot = cache_pop(cache, class);
	if (likely(slot))
		mark_clear(slot);
	return slot;
}

/* Frees a slot of a class as the pagemap has it; false: the magazine is full, or the slot has its
 * mark. */
static inline bool cache_put_fast(struct cache *cache, size_t class, void *slot) {
	void **top = cache->top[class];
	if (unlikely(top == cache->full[class] || mark_is_set(slot)))
		return false;
	mark_set(slot);
	top[1] = slot;
	cache_set_top(cache, class, top + 1);
	return true;
}

/* Takes a slot of a class from this thread's cache, and refills that as needed. NULL: no memory. */
void *cache_take(unsigned class);

/* To be called in slow calls. Every 64th time it makes the fast path use the thread's cache (T3),
 * flushes idle magazines, and empties the cache of a thread that has ended, if it finds one. */
void cache_tick(void);

/* Frees a slot of a class, and flushes as needed. central_wrong then names a pointer that was wrong:
 * this one, or one that was freed earlier and is found wrong now. */
void cache_put(unsigned class, void *slot);

/* Empties this thread's cache and those of threads that have ended. */
void cache_flush_all(void);

/* The slots of a class that lie in caches; approximate while other threads run. */
size_t cache_count(unsigned class);

/* In the child of a fork, with every lock free: puts back what other threads had isolated, and
 * empties the caches of all threads that the child does not have. */
void cache_after_fork(void);

/* Sets thread_cache to what it begins with, for a call that comes before the loader has done so. */
void cache_begin_thread(void);

/* Makes every call of this process take its slow path, where it can be counted. Before there are
 * threads. */
void cache_bypass(void);

extern struct lock cache_lock;

#endif

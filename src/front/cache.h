/* cache.h (rank 5): a thread's stacks of free slots, one magazine per size class, as arrays of pointers.
 *
 * T1. top[c] points at the newest slot of magazine c; under the oldest lies a NULL. So "empty" is read off
 *     the slot that would be popped, and a magazine that was never made is empty and full at once: no branch
 *     asks whether it was.
 * T2. full[c] is top[c]'s last place; magazine c holds at most capacity[c] = full[c] - (place of the NULL)
 *     slots.
 * T3. A thread starts with empty_cache, which is shared and never written to.
 * T4. A cache belongs to the thread that holds its robust mutex. A thread that ends leaves it locked;
 *     the kernel then marks the mutex, and whoever meets it next (a new thread, or a busy one in
 *     passing) takes the cache over with what is in it. So thread exit needs no hook, and frees that
 *     come after every hook are ordinary frees.
 * T5. Retained spans (chunk.h, C3) are kept whole, so that a buffer freed and asked for again costs no
 *     split and no merge.
 * T6. A thread that never asked for a class hands on the first slot of it that it frees, and begins with
 *     slots on lines of their own: the slot was another thread's, and would share its line with that
 *     thread's others for good (passive false sharing).
 * T7. A slot is stored before the top that covers it, so that a fork at any instant leaves the child
 *     magazines that name only free slots, some perhaps twice.
 */
#ifndef CACHE_H
#define CACHE_H

#include "back/chunk.h"
#include "ground/list.h"
#include "ground/pagemap.h"
#include "middle/central.h"

#include <pthread.h>

enum { RETAINED_SPANS = 8 };

struct cache {
	void **top[CLASSES];
	void **full[CLASSES];
	uint16_t capacity[CLASSES];
	uint64_t asked[CLASSES / 64 + 1]; /* bit c: the thread has asked for class c */
	unsigned ticks;                   /* slow calls */
	unsigned next_idle;               /* the class whose magazine is examined next */
	uint16_t seen[CLASSES];           /* how many slots it had then */
	size_t bytes;                     /* sum of capacity * size: bounded by the share of a thread */
	unsigned nretained, retained_pages;
	struct {
		char *base;
		unsigned npages;
	} retained[RETAINED_SPANS]; /* the oldest first */
	struct list link;
	pthread_mutex_t owner;
};
_Static_assert(sizeof(struct cache) <= 2048, "a thread that holds little costs little");

/* The cache that fast paths use: the thread's own, or empty_cache, which sends each call to its slow twin. */
extern _Thread_local struct cache *thread_cache __attribute__((tls_model("initial-exec")));

/* The owner reads its tops plainly and stores them by this, after what they cover (T7); others read them
 * atomically. */
static inline void cache_set_top(struct cache *cache, size_t class, void **top) {
	atomic_signal_fence(memory_order_release);
	__atomic_store_n(&cache->top[class], top, __ATOMIC_RELAXED);
	TELL_LEFT(cache);
}

/* Pops a slot of a class; NULL: go the slow way. */
static inline void *cache_pop(struct cache *cache, size_t class) {
	void **top = cache->top[class];
	void *slot = *top;
	if (likely(slot))
		cache_set_top(cache, class, top - 1);
	return slot;
}

/* Pushes a slot of a class; false: the magazine is full, or the slot is the one freed last. */
static inline bool cache_push(struct cache *cache, size_t class, void *slot) {
	void **top = cache->top[class];
	if (unlikely(top == cache->full[class] || *top == slot))
		return false;
	top[1] = slot;
	cache_set_top(cache, class, top + 1);
	return true;
}

/* A slot of a class from this thread's cache, refilled as needed. NULL: no memory. */
void *cache_take(unsigned class);

/* To be called at slow calls: now and then it gives back what is not wanted any more, and empties the cache
 * of a thread that has ended. */
struct wrong cache_tick(void);

/* Frees a slot of a class, flushing as needed. The answer names a pointer that was wrong: this one, or one
 * that was freed before and found wrong now. */
struct wrong cache_put(unsigned class, void *slot);

/* Whether the slot is the one this thread freed last in its class. */
bool cache_freed_last(unsigned class, const void *slot);

/* A span of exactly npages that this thread retained, live again; or NULL. */
void *cache_take_span(unsigned npages);

/* Frees the live span that starts at the address, keeping it retained for a while; false when there is none.
 */
bool cache_put_span(struct chunk *chunk, void *base);

/* Empties this thread's cache and those of threads that have ended. */
struct wrong cache_flush_all(void);

/* The slots of a class that lie in caches, and the pages of retained spans; approximate while other threads
 * run. */
size_t cache_count(unsigned class);
size_t cache_count_pages(void);

/* In the child of a fork, with every lock free: takes over what the threads left behind that are not here. */
void cache_after_fork(void);

/* The same when the parent had one thread only, perhaps in the middle of a call, its locks held: changes
 * nothing but the owner of its cache. */
void cache_own_after_fork(void);

/* Gives this thread what thread_cache begins with, when the loader has not done so yet. */
void cache_begin_thread(void);

/* Makes every call of this process take its slow path, where it can be counted. Before there are threads. */
void cache_bypass(void);

extern struct lock cache_lock;

#endif

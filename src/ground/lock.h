/* lock.h (level 1): a small mutex: spin a little, then sleep on a futex. Source: Drepper, "Futexes
 * are tricky" (2011), mutex 3.
 *
 * L1. Locks are taken in rising rank (enum lock_rank); debug builds check it at every take.
 * L2. Of one rank a thread holds one lock at most, except in fork, which holds them all.
 * L3. Between lock_own_for_fork and lock_disown_after_fork the forking thread owns every lock, so
 *     that the atfork handlers of other libraries, which run inside that time, may allocate: take
 *     and release are then no-ops for it.
 */
#ifndef LOCK_H
#define LOCK_H

#include "ground/base.h"

#include <stdatomic.h>

enum lock_rank { RANK_GUARD, RANK_CACHES, RANK_CENTRAL, RANK_CHUNKS, RANK_POOL, RANK_METADATA };

struct lock {
	atomic_uint state; /* 0 free, 1 held, 2 held and somebody may sleep on it */
	enum lock_rank rank;
};

#define LOCK_INITIAL(r)                                                                                      \
	{ .rank = (r) }

/* What a thread did happens before the kernel forgets it: between the last access of an ending thread
 * to its memory and the removal of its id the kernel has a full barrier (exit_mm). Whoever has asked
 * for the id, by loads of this processor, passes a fence before it reads what the thread left.
 * ThreadSanitizer knows neither of the two, so these calls tell it. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1 /* as gcc has it */
#endif
#endif
#ifdef __SANITIZE_THREAD__
void __tsan_acquire(void *object);
void __tsan_release(void *object);
#define TELL_TAKEN_OVER(object) __tsan_acquire(object)
#define TELL_LEFT(object)       __tsan_release(object)
#else
#define TELL_TAKEN_OVER(object) atomic_thread_fence(memory_order_acquire)
#define TELL_LEFT(object)       ((void)(object))
#endif

void lock_take(struct lock *lock);
void lock_release(struct lock *lock);
void lock_take_for_fork(struct lock *lock); /* without the check of L1 and L2 */
void lock_release_after_fork(struct lock *lock);
void lock_own_for_fork(void);
void lock_disown_after_fork(void);

#endif

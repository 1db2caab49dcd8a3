/* lock.c (level 1): see lock.h. */
#include "ground/lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FREE, HELD, CONTENDED };
#ifndef LOCK_SPINS /* tests/proof/interleavings has fewer */
#define LOCK_SPINS 100
#endif

HIDDEN_TLS unsigned held_ranks; /* a bit per rank, in debug builds; its address names the thread */
static _Atomic(const void *) fork_owner;

static const void *self(void) { return &held_ranks; }

static bool owned_by_my_fork(void) {
	return unlikely(atomic_load_explicit(&fork_owner, memory_order_relaxed) == self());
}

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#else
	atomic_signal_fence(memory_order_seq_cst);
#endif
}

static void futex(struct lock *lock, int operation, unsigned value) {
	int saved = errno;
	syscall(SYS_futex, &lock->state, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
	errno = saved;
}

static bool try_take(struct lock *lock) {
	unsigned expected = FREE;
	return atomic_compare_exchange_strong_explicit(&lock->state, &expected, HELD, memory_order_acquire,
	                                               memory_order_relaxed);
}

static COLD void take_contended(struct lock *lock) {
	for (int i = 0; i < LOCK_SPINS; i++) {
		relax();
		if (atomic_load_explicit(&lock->state, memory_order_relaxed) == FREE && try_take(lock))
			return;
	}
	while (atomic_exchange_explicit(&lock->state, CONTENDED, memory_order_acquire) != FREE)
		futex(lock, FUTEX_WAIT, CONTENDED);
}

void lock_take_for_fork(struct lock *lock) {
	if (unlikely(!try_take(lock)))
		take_contended(lock);
}

void lock_release_after_fork(struct lock *lock) {
	if (unlikely(atomic_exchange_explicit(&lock->state, FREE, memory_order_release) == CONTENDED))
		futex(lock, FUTEX_WAKE, 1);
}

void lock_take(struct lock *lock) {
	if (owned_by_my_fork())
		return;
	ASSERT(held_ranks >> lock->rank == 0);
	lock_take_for_fork(lock);
	if (BM_DEBUG)
		held_ranks |= 1u << lock->rank;
}

void lock_release(struct lock *lock) {
	if (owned_by_my_fork())
		return;
	ASSERT(held_ranks & 1u << lock->rank);
	if (BM_DEBUG)
		held_ranks &= ~(1u << lock->rank);
	lock_release_after_fork(lock);
}

void lock_own_for_fork(void) { atomic_store_explicit(&fork_owner, self(), memory_order_relaxed); }
void lock_disown_after_fork(void) { atomic_store_explicit(&fork_owner, NULL, memory_order_relaxed); }

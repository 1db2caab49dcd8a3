/* central.h (rank 4): the central list of each size class: a lock, its slabs by fullness, and a depot of
 * free slots on their way from one thread's cache to another's.
 *
 * H1. A central list's lock guards its slabs, its lists, its depot, and slab_of_page of its slabs'
 *     pages.
 * H2. A slab with free slots is on the list of its quarter; a slab without is on none; a slab being scavenged is
 *     on the list of the scavenged until it is put back. A slab whose last slot comes back is dropped, unless
 *     the class has few free slots but these.
 * H3. clean is the number of its slabs' pages that are clean.
 */
#ifndef CENTRAL_H
#define CENTRAL_H

#include "ground/base.h"
#include "ground/lock.h"
#include "middle/sizeclass.h"

struct slab;

/* The slots that a batch has at most. */
enum { BATCH_MAX = 128 };

/* What a class of blocks holds; bytes. */
struct central_totals {
	size_t slabs, slab_pages, clean_pages, slots, free_slots, depot_slots;
};

/* Takes up to n slots of a class, lowest addresses first; returns how many, 0 when there is no memory. Any
 * thread. */
unsigned central_refill(unsigned class, void **slots, unsigned n);

/* Takes slots of a small class that share their lines of the processor's cache with no other thread's;
 * returns how many, 0 when none are at hand. */
unsigned central_refill_line(unsigned class, void **slots);

/* Takes one slot of a class, a random one of its slab; NULL: no memory. */
void *central_take_random(unsigned class, uint64_t random);

/* A pointer that was freed as a slot of a class and was no taken slot of it; NULL: none. */
struct wrong {
	const void *slot;
	unsigned class;
};

/* Frees n slots of a class. The answer names the first that was wrong; the others are freed all the same. */
struct wrong central_flush(unsigned class, void *const *slots, unsigned n);

/* The slab whose page the address lies on, or NULL. Read without a lock: right for a live slot. */
struct slab *central_slab_of(const void *address);

/* Keeps flushed batches for other threads, or not: worthless while there is one thread. */
void central_set_depot(bool wanted);

/* Empties the depots and purges every empty page inside slabs. True: memory went back to the kernel.
 * *wrong: as central_flush answers. */
bool central_trim(struct wrong *wrong);

/* In the child of a fork, with every lock free: puts back the slabs that other threads were scavenging. */
void central_after_fork(void);

struct central_totals central_count(unsigned class);

/* The lock of every central list, in rising class. */
void central_lock_all(void);
void central_unlock_all(void);

/* Verifies H2 and H3 and the slabs of the class that have free slots; takes the lock. In central_check.c:
 * debug builds and tests only. */
bool central_check(unsigned class);

#endif

/* central.h (level 5): the central list of each size class: a lock, its slabs by fullness, and a
 * depot of free slots on their way from one thread's cache to another's.
 *
 * H1. A central list's lock guards its slabs, its lists, its counts and its depot. A slab is made
 *     before it is attached and dropped after it is detached, both without the lock, by a thread
 *     that has it to itself; that thread also writes its pages' entries of the pagemap and of
 *     slab_of_page.
 * H2. A slab with free slots is on the list of its quarter, or on that of the slabs that have nothing
 *     but free slots; one without is on none. While a
 *     scavenge purges pages of a slab, the slab is on the list of the scavenged instead.
 * H3. `clean` is the number of clean pages of all attached slabs, `purgeable` that of their purgeable
 *     ones; nfree the sum of their nfree; clean_tails the bytes of their ends, on clean pages, that no
 *     slot fills.
 * H4. A slab without a taken slot is dropped by a free when the free slots of its class would fill
 *     more than 8 pages plus a fourth of its slabs' pages, and so are the oldest that stayed, as
 *     these pages become fewer; by a purge always.
 */
#ifndef CENTRAL_H
#define CENTRAL_H

#include "ground/base.h"
#include "ground/lock.h"
#include "middle/sizeclass.h"

struct slab;

/* A batch has at most so many slots. */
enum { BATCH_MAX = 128 };

/* What a class holds: numbers of slabs, pages and slots; bytes of the slabs' ends that no slot
 * fills, on clean pages. */
struct central_totals {
	size_t slabs, slab_pages, clean_pages, purgeable_pages, slots, free_slots, depot_slots, clean_tails;
};

/* Takes up to n slots of a class, lowest addresses first; returns how many, 0 when there is no
 * memory. Any thread. */
unsigned central_refill(unsigned class, void **slots, unsigned n);

/* Takes slots that share their lines of the processor's cache with no taken slot (slab_take_line),
 * from the first slab of a quarter; returns how many: 0 when these have none. */
unsigned central_refill_line(unsigned class, void **slots);

/* Takes one slot of a class; `random` chooses which of the free ones of its slab. NULL: no
 * memory. */
void *central_take_random(unsigned class, uint64_t random);

/* A pointer that this thread freed, or whose magazine it emptied, as a slot of a class without its being
 * a taken slot of it: the first such. Class 0: there was none. Who ends a slow path looks here and
 * stops the process. */
struct wrong {
	const void *slot;
	unsigned class;
};
extern _Thread_local struct wrong central_wrong __attribute__((tls_model("initial-exec")));
static inline void central_note_wrong(const void *slot, unsigned class) {
	if (!central_wrong.class)
		central_wrong = (struct wrong){slot, class};
}

/* Frees n slots of a class; those that are wrong are noted. */
void central_flush(unsigned class, void *const *slots, unsigned n);

/* Whether flushed batches go to the depots: they do while there are several threads. */
void central_set_depot(bool wanted);

/* Whether a class is nearly without live slots and yet has many slabs: then a few slots in a magazine
 * keep many pages. No lock. */
bool central_drains(unsigned class);

/* Purges about so many pages inside slabs of the class, and drops slabs without a taken slot among them, whose pages go to
 * their chunks; examines at most 4096 slabs. The pages that were purged and slabs that were dropped;
 * 0: none, or the kernel refuses. */
size_t central_purge(unsigned class, size_t npages);

/* Empties the depots, drops every slab without a taken slot and purges every empty page inside the
 * others. True: a page was purged or a slab dropped. */
bool central_trim(void);

/* In the child of a fork, with every lock free: puts back the slabs that other threads were
 * scavenging. */
void central_after_fork(void);

struct central_totals central_count(unsigned class);

/* The lock of every central list, in rising class. */
void central_lock_all(void);
void central_unlock_all(void);

/* Verifies H2, H3 and the slabs of the class that have free slots; takes the lock. To be called
 * while no thread scavenges. In central_check.c: debug builds and tests only. */
bool central_check(unsigned class);

#endif

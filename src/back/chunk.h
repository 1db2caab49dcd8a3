/* chunk.h (level 4): 2 MB chunks of 512 pages and the search across them. Hands out spans of pages.
 *
 * C1. chunk_lock guards all of this, with two exceptions: reads of C3, and slab_of_page. That
 *     is written without a lock by the thread that makes or drops a slab, while it has the slab's
 *     pages to itself; it is read without a lock for a live slot, and under the lock of the class's
 *     central list for a freed one.
 * C2. A chunk with a free page is on the list of its place, which is given by how many sixths of
 *     its pages are clean, and then by its largest free order. A chunk without a free page is on
 *     none.
 * C3. npages_at[p] is the length of the live span that starts at page p, else 0. It is read without
 *     a lock where the span is the caller's.
 * C4. Bit p of `dirty` is meaningful for a free page: set when the page is dirty (it may hold
 *     data), clear when it is clean (it reads as zero). ndirty counts the free pages that are
 *     dirty.
 * C5. Pages that are being purged without the lock are isolated: they count as used and belong to
 *     no span.
 * C6. The records lie outside the chunk, so that neither a purge nor a stray write to a block
 *     reaches them.
 */
#ifndef CHUNK_H
#define CHUNK_H

#include "back/bitmap.h"
#include "buddy.h"
#include "back/pool.h"
#include "ground/ledger.h"
#include "ground/list.h"
#include "ground/lock.h"
#include "ground/pagemap.h"

struct slab;

struct chunk {
	struct owner owner;
	unsigned nused;    /* pages that are not free: in spans, or isolated */
	unsigned ndirty;   /* free pages that are dirty */
	unsigned longest;  /* no free run has more pages */
	unsigned place;    /* the list that it is on, or PLACE_NONE */
	_Atomic bool huge; /* huge pages are asked for */
	struct run *run;   /* its addresses */
	char *base;
	struct list link;       /* the list of its place */
	struct list all_link;   /* every chunk */
	struct list dirty_link; /* chunks with dirty pages, the first to get some first; else unlinked */
	struct buddy buddy;
	struct bitmap dirty;
	uint32_t bits[BUDDY_WORDS(CHUNK_PAGES)];
	_Atomic uint16_t npages_at[CHUNK_PAGES];
	struct slab *slab_of_page[CHUNK_PAGES];
	struct buddy_link links[CHUNK_PAGES];
};

/* A run of pages as it is handed out. */
struct span {
	char *base; /* NULL: no memory */
	struct chunk *chunk;
	bool clean;     /* every byte is zero */
	uint16_t dirty; /* which of its first 16 pages may hold data */
};

struct chunk_totals {
	size_t chunks, used_pages, dirty_pages, peak_pages;
};

/* Takes a span of npages (1 … 512), its address a multiple of 2^align_order pages (0 … 9). Any
 * thread. */
struct span chunk_take(unsigned npages, unsigned align_order);

/* Frees the live span that starts at the address; false when none does. `dirty`: which of its first
 * 16 pages may hold data; all pages beyond these may. Any thread. */
bool chunk_put(struct chunk *chunk, const void *address, uint16_t dirty);

/* The pages of the live span that starts at the address, or 0. */
unsigned chunk_span_at(const struct chunk *chunk, const void *address);

/* Makes the live span at the address npages long where it lies; false when the pages behind it are
 * not free. */
bool chunk_resize(struct chunk *chunk, const void *address, unsigned npages);

/* The live span that covers an address: its base and pages; NULL when none does. Walks back page by
 * page. */
char *chunk_span_around(struct chunk *chunk, const void *address, unsigned *npages);

/* Refuses huge pages from now on. To be called before pages of the chunk are purged: khugepaged
 * would fill them again while the program sleeps. */
void chunk_refuse_huge(struct chunk *chunk);

/* Purges free runs until about npages dirty pages have gone back, at most 32 runs, from the chunks
 * whose pages are wanted last; or puts an empty chunk, if there is one, to the pool. The pages that
 * became clean or left; 0: none. */
size_t chunk_purge(size_t npages);

/* Gives every free page back to the kernel, those of the pool too; true when memory went back. */
bool chunk_trim(void);

/* In the child of a fork, with every lock free: puts back the pages that other threads had
 * isolated. */
void chunk_after_fork(void);

struct chunk_totals chunk_count(void);

/* What the kernel was told of a chunk's pages last. */
static inline enum advice chunk_advice(const struct chunk *chunk) {
	enum advice first = chunk->run->advice;
	return chunk->huge ? ADVICE_HUGE : first == ADVICE_HUGE ? ADVICE_SMALL : first;
}

/* The page of its chunk in which an address lies. */
static inline unsigned chunk_page(const void *address) {
	return (unsigned)((uintptr_t)address >> PAGE_SHIFT) % CHUNK_PAGES;
}

/* The slab on whose page an address lies, or NULL. Read without a lock: right for a live slot. */
static inline struct slab *chunk_slab_of(const void *address) {
	const struct chunk *chunk = (const struct chunk *)pagemap_owner(address);
	bool is_chunk = likely(chunk && chunk->owner.kind == OWNER_CHUNK);
	return is_chunk ? chunk->slab_of_page[chunk_page(address)] : NULL;
}

extern struct lock chunk_lock;

/* Verifies C2 … C5 and the buddies: 0, or the number of what does not hold (1 … 9: buddy_check's).
 * Lock held. In chunk_check.c: debug builds and tests only. */
int chunk_check(void);

#endif

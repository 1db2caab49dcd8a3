/* chunk.h (rank 3): 2 MB chunks of 512 pages, and the search across them. Hands out spans of pages.
 *
 * C1. Everything here is guarded by chunk_lock, but for slab_of_page, which the central list
 *     of the slab guards, and the steps of C3.
 * C2. A chunk is on the list of its place: how many of its pages the kernel has given, then the largest
 *     free order. A chunk without a free page is on none.
 * C3. npages_at[p] is the length of the span that starts at page p, else 0; with SPAN_RETAINED added,
 *     the span is free, but still in one piece in some thread's cache. The step between live and
 *     retained is atomic and takes no lock.
 * C4. Bit p of `dirty` is meaningful for free pages: set means that it may hold data (it is "dirty"),
 *     clear that it reads as zero. ndirty counts the free pages that are set.
 * C5. The records lie outside the chunk; a purge or a stray write cannot reach them.
 */
#ifndef CHUNK_H
#define CHUNK_H

#include "back/bitmap.h"
#include "buddy.h"
#include "ground/list.h"
#include "ground/lock.h"
#include "ground/pagemap.h"

struct slab;

enum { SPAN_RETAINED = 0x8000 };

struct chunk {
	struct owner owner;
	unsigned nused;    /* pages in live spans */
	unsigned ndirty;   /* free pages that may hold data */
	unsigned longest;  /* run of free pages; 0: not known since the last change */
	unsigned place;    /* which list, or PLACE_NONE */
	_Atomic bool huge; /* huge pages are asked for */
	char *base;
	struct list link;       /* the list of its place */
	struct list all_link;   /* every chunk */
	struct list dirty_link; /* chunks with ndirty > 0, the longest so first; else unlinked */
	struct buddy buddy;
	struct bitmap free; /* as the buddy has it */
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

/* A span of npages (1 … 512), its address a multiple of 2^align_order pages (0 … 9). Any thread. */
struct span chunk_take(unsigned npages, unsigned align_order);

/* Gives a live span back. `dirty`: which of its first 16 pages may hold data; of further pages all may. */
void chunk_put(struct chunk *chunk, char *base, unsigned npages, uint16_t dirty);

/* The pages of the live span that starts at the address, or 0. */
unsigned chunk_span_at(const struct chunk *chunk, const void *address);

/* Retains the live span that starts at the address: its pages, or 0 when there is none. */
unsigned chunk_retain(struct chunk *chunk, const void *address);

/* Makes a retained span live again. */
void chunk_revive(const void *base, unsigned npages);

/* Frees a retained span; a pointer to none is left alone. */
void chunk_put_retained(void *base);

/* Makes the live span at the address npages long where it lies; false when the neighbour is not free. */
bool chunk_resize(struct chunk *chunk, const void *address, unsigned npages);

/* The live span around an address: its base (NULL: the page is free) and pages. Only for messages. */
char *chunk_span_around(struct chunk *chunk, const void *address, unsigned *npages);

/* Asks for no huge pages any more, before pages of the chunk are purged: the kernel's collector of huge pages
 * would fill them again, behind an idle program's back. */
void chunk_refuse_huge(struct chunk *chunk);

/* Gives back what is beyond the bound by now, as time has passed or the other part has grown; to be called
 * now and then. */
void chunk_reclaim(void);

/* Gives every free page back to the kernel; true when there was one. */
bool chunk_trim(void);

/* In the child of a fork, with every lock free: puts back what other threads were purging. */
void chunk_after_fork(void);

struct chunk_totals chunk_count(void);

/* The page of its chunk in which an address lies. */
static inline unsigned chunk_page(const void *address) {
	return (unsigned)((uintptr_t)address >> PAGE_SHIFT) % CHUNK_PAGES;
}

extern struct lock chunk_lock;

/* Verifies C2 … C4 and the buddy trees: 0, or the number of what fails (1 … 9 from the buddy). Lock held.
 * In chunk_check.c: debug builds and tests only. */
int chunk_check(void);

#endif

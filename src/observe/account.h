/* account.h (level 9): what the heap holds, as rows of bytes from which every output is made:
 * bm_stats_print, malloc_stats, malloc_info, mallinfo, and the account printed at exit under
 * stats:1.
 *
 * A1. Each byte that may be resident for the heap is in one row: what is mapped and may hold data. A
 *     live block counts whole, whether it was written to or not. account_ask adds what only the kernel
 *     knows, page by page: clean pages that are there all the same, as a row, and pages of the rows
 *     that are not there, as `absent`. Then
 *         sum of the rows - absent = resident bytes of the heap.
 *     Not in it are the variables of the library itself, some 40 KB beside the pagemap's root.
 * A2. Each row is counted where its memory lies, with three exceptions. No call on the fast path
 *     counts, so live_slots are the slots that are nowhere else. A chunk does not know whose its
 *     spans are, so live_spans are its used pages without slabs. A class counts what is clean of its slabs, so free_slots and slab_tails are what is free without that.
 * A3. It is exact while no other thread allocates or frees. What one moves at that instant, and
 *     pages that one purges, count as live.
 * A4. Slack is in no row of its own: which bytes of a live block were asked for is stored nowhere.
 *     The account at exit has it of all blocks that were handed out.
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "ground/base.h"

enum account_row {
	ROW_LIVE_SLOTS,  /* slots that the program has */
	ROW_LIVE_SPANS,  /* spans that it has */
	ROW_LIVE_LARGE,  /* large blocks that it has */
	ROW_FREE_SLOTS,  /* free slots of slabs, on dirty pages */
	ROW_SLAB_TAILS,  /* ends of slabs that no slot fills, on dirty pages */
	ROW_RUN_TAILS,   /* ends of runs that no large block fills, on dirty pages */
	ROW_MAGAZINES,   /* free slots in threads' caches */
	ROW_DEPOTS,      /* free slots on their way from one thread to another */
	ROW_FREE_PAGES,  /* free pages of chunks that are dirty */
	ROW_POOL,        /* pages of free runs that are dirty */
	ROW_QUARANTINE,  /* freed slots with their frames that are not reused yet (guard.h) */
	ROW_METADATA,    /* pages of our own records that are there */
	ROW_PAGEMAP,     /* pages of its root and leaves that are there */
	ROW_CLEAN_PAGES, /* clean pages that came with a huge page; 0 before account_ask */
	ACCOUNT_ROWS,
};

/* The names of the rows in every output. */
extern const char *const account_names[ACCOUNT_ROWS];

struct account {
	size_t rows[ACCOUNT_ROWS];       /* bytes */
	size_t chunks, large;            /* numbers: of chunks, of live large blocks, … */
	size_t free_slots, cached_slots; /* … of slots free in slabs, in magazines and depots */
	size_t peak;   /* bytes: the most used in chunks, plus the most live in large blocks */
	size_t absent; /* bytes of the rows that are not there; 0 before account_ask */
};

struct account account_read(void);

/* Asks the kernel which pages are there: a call for each chunk and for each 16 MB of large blocks. */
void account_ask(struct account *account);

/* What the program has in chunks. */
static inline size_t account_in_chunks(const struct account *account) {
	return account->rows[ROW_LIVE_SLOTS] + account->rows[ROW_LIVE_SPANS];
}

size_t account_sum(const struct account *account);

/* The anonymous memory of the whole process that is resident, in bytes; 0 without /proc. */
size_t account_resident(void);

/* Writes the account to a file, as text of several lines or as JSON in one. Nothing is allocated,
 * and no lock is held while it writes. 0, or -1 and errno as write(2) has it. */
enum account_format { ACCOUNT_TEXT, ACCOUNT_JSON };
int account_write(int file, enum account_format format);

/* The account at exit: at the start, when BUDDYMALLOC_CONF is read, stderr is noted and duplicated,
 * since many programs close it before they end. A child of a process that was named by its number
 * prints none. What stderr was is written to, or nothing. */
void account_begin(void);
void account_after_fork(void);
void account_end(void);

#endif

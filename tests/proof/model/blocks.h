/* blocks.h: the reference of the models of the whole engine: an array of live blocks, each with its size and
 * a fill. No two overlap, none loses its content, the checkers hold, and the account is the sum of the
 * blocks. The model says how many there are (BLOCKS) before it includes this. */
#ifndef TESTS_BLOCKS_H
#define TESTS_BLOCKS_H

#include "driver.h"

#include "observe/account.h"
#include "back/chunk.h"
#include "back/large.h"
#include "front/malloc.h"
#include "policy/reclaim.h"

enum { GIVEN = 1024 };

static struct block {
	unsigned char *at; /* NULL: none */
	size_t size, usable;
	unsigned char fill; /* never 0: what is freed holds junk on each page */
	bool plain;         /* asked for with this size, no alignment, and never resized */
} blocks[BLOCKS];
static size_t live_bytes; /* usable; of these blocks and of others that the model has */

static const void *given[GIVEN]; /* the last addresses that blocks had */
static size_t ngiven;

/* ---- content: every byte of a small block; of a larger one those at multiples of a stride, and the last
 * ---- */

static size_t stride_of(size_t size) { return size <= 4096 ? 1 : 499; }

static void fill(const struct block *block) {
	if (block->size <= 4096)
		memset(block->at, block->fill, block->size);
	for (size_t i = 0; i < block->size; i += stride_of(block->size))
		block->at[i] = block->fill;
	if (block->size)
		block->at[block->size - 1] = block->fill;
}

/* The first n bytes, as they were filled when the block had block->size. */
static void expect_fill(const struct block *block, const unsigned char *at, size_t n) {
	for (size_t i = 0; i < n; i += stride_of(block->size))
		EXPECT(at[i] == block->fill);
	if (n && n == block->size)
		EXPECT(at[n - 1] == block->fill);
}

static void expect_zero(const unsigned char *at, size_t size) {
	EXPECT(size == 0 || (at[0] == 0 && memcmp(at, at + 1, size - 1) == 0));
}

/* ---- the reference ---- */

static void expect_apart(const struct block *block) {
	for (const struct block *other = blocks; other < blocks + BLOCKS; other++)
		EXPECT(other == block || !other->at || other->at + other->usable <= block->at ||
		       block->at + block->usable <= other->at);
}

/* Notes what a call returned for the block, and fills it. */
static void note(struct block *block, void *at, size_t size, size_t align) {
	EXPECT(at != NULL);
	EXPECT((uintptr_t)at % align == 0);
	block->at = at;
	block->size = size;
	block->usable = usable_size(at);
	block->fill = (unsigned char)(block->fill % 255 + 1);
	given[ngiven++ % GIVEN] = at;
	EXPECT(block->usable >= size);
	expect_apart(block);
	fill(block);
	live_bytes += block->usable;
}

static void forget(struct block *block) {
	live_bytes -= block->usable;
	block->at = NULL;
}

/* The ledger says what the stores say. */
static void check_ledger(void) {
	struct chunk_totals chunk = chunk_count();
	struct pool_totals pool = pool_count();
	size_t free_slots = 0, clean = 0, purgeable = 0;
	for (unsigned class = 1; class < CLASSES; class ++) {
		struct central_totals totals = central_count(class);
		free_slots += totals.free_slots * class_size(class) >> PAGE_SHIFT;
		clean += totals.clean_pages;
		purgeable += central_count(class).purgeable_pages;
	}
	EXPECT(ledger_read(&ledger.stores[LEDGER_CHUNKS].used) == chunk.used_pages);
	EXPECT(ledger_purgeable_in(LEDGER_CHUNKS) == chunk.dirty_pages);
	EXPECT(ledger_read(&ledger.stores[LEDGER_LARGE].used) == large_count().live_bytes >> PAGE_SHIFT);
	EXPECT(ledger_purgeable_in(LEDGER_POOL) == max_size(pool.ndirty, pool.npages / 2));
	EXPECT(ledger_read(&ledger.free_slots) == free_slots && ledger_read(&ledger.clean) == clean);
	EXPECT(ledger_purgeable_in(LEDGER_SLOTS) == purgeable);
}

static void check_all(void) {
	struct account account = account_read();
	lock_take(&chunk_lock);
	int broken = chunk_check();
	lock_release(&chunk_lock);
	EXPECT(broken == 0);
	EXPECT(pool_check());
	for (unsigned class = 1; class < CLASSES; class ++)
		EXPECT(central_check(class));
	check_ledger();
	EXPECT(account_in_chunks(&account) + account.rows[ROW_LIVE_LARGE] == live_bytes);
	EXPECT(account_in_chunks(&account) + account.rows[ROW_FREE_SLOTS] + account.rows[ROW_SLAB_TAILS] +
	               account.rows[ROW_MAGAZINES] + account.rows[ROW_DEPOTS] +
	               account.rows[ROW_FREE_PAGES] <=
	       account.chunks * CHUNK_SIZE);
}

/* By the size too, when `sized` and when that may be trusted. */
static void do_release(struct block *block, bool sized) {
	expect_fill(block, block->at, block->size);
	EXPECT(usable_size(block->at) == block->usable);
	if (sized && block->plain)
		release_sized_by(block->at, block->size, BY_NEW);
	else
		release(block->at);
	forget(block);
}

static void release_all(void) {
	for (struct block *block = blocks; block < blocks + BLOCKS; block++)
		if (block->at)
			do_release(block, false);
}

#endif

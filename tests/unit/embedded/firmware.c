/* firmware.c: the buddy without any C library: thousands of random takes and puts in a static arena of 64 KB
 * with the links in its free blocks, checked as they go. TAP through write_text(); the same source runs on a
 * Cortex-M3 (start.c) and as a Linux program without libc (hosted.c). */
#include "buddy.h"
#include "firmware.h"

enum { LEAF_BYTES = 16, LEAVES = 64 * 1024 / LEAF_BYTES, RUNS = 200, OPERATIONS = 6000, CHECK_EVERY = 100 };

static _Alignas(16) unsigned char arena[LEAVES * LEAF_BYTES];
static uint32_t bits[BUDDY_WORDS(LEAVES)];
static struct buddy buddy;

static struct { uint32_t leaf, n; /* n = 0: none */ } runs[RUNS];

static uint32_t seed = 1;

static uint32_t next_random(void) {
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

/* Fills a run with its index, or says whether it still is. */
static void fill(unsigned run) {
	volatile unsigned char *bytes = arena + runs[run].leaf * LEAF_BYTES;
	for (uint32_t i = 0; i < runs[run].n * LEAF_BYTES; i += 4)
		bytes[i] = (unsigned char)run;
}

static int is_filled(unsigned run) {
	const volatile unsigned char *bytes = arena + runs[run].leaf * LEAF_BYTES;
	for (uint32_t i = 0; i < runs[run].n * LEAF_BYTES; i += 4)
		if (bytes[i] != (unsigned char)run)
			return 0;
	return 1;
}

static unsigned count, failed;

static void ok(int holds, const char *name) {
	char number[4] = {' ', (char)('0' + ++count), ' ', 0};
	write_text(holds ? "ok" : "not ok");
	write_text(number);
	write_text(name);
	write_text("\n");
	failed += !holds;
}

/* Leaves in use, by the allocator's own word. */
static uint32_t count_used(void) {
	uint32_t used = 0;
	for (uint32_t leaf = buddy_next_used(&buddy, 0), end; leaf < LEAVES;
	     leaf = buddy_next_used(&buddy, end)) {
		end = buddy_next_free(&buddy, leaf);
		used += end - leaf;
	}
	return used;
}

static void churn(void) {
	uint32_t used = 0, spoiled = 0, broken = 0, miscounted = 0, refused = 0;
	for (unsigned i = 0; i < OPERATIONS; i++) {
		unsigned run = next_random() % RUNS;
		if (runs[run].n) {
			spoiled += !is_filled(run);
			buddy_put(&buddy, runs[run].leaf, runs[run].n);
			used -= runs[run].n;
			runs[run].n = 0;
		} else {
			uint32_t n = 1 + next_random() % (next_random() % 8 ? 20 : 300),
			         leaf = buddy_take(&buddy, n, 0);
			refused += leaf == BUDDY_NONE;
			if (leaf == BUDDY_NONE)
				continue;
			runs[run].leaf = leaf;
			runs[run].n = n;
			used += n;
			fill(run);
		}
		if (i % CHECK_EVERY == 0) {
			broken += buddy_check(&buddy) != 0;
			miscounted += count_used() != used;
		}
	}
	ok(!broken, "the invariants hold");
	ok(!spoiled, "no live block was written to");
	ok(!miscounted, "every leaf is accounted for");
	ok(refused > 0 && refused < OPERATIONS / 4, "the arena was full at times, and served again");
}

static void give_all_back(void) {
	for (unsigned run = 0; run < RUNS; run++)
		if (runs[run].n)
			buddy_put(&buddy, runs[run].leaf, runs[run].n);
	ok(buddy.mask == 1u << buddy.height && buddy_check(&buddy) == 0,
	   "all of it is one free block in the end");
	ok(buddy_take(&buddy, LEAVES, 0) == 0, "which can be taken whole");
	ok(buddy_take(&buddy, 1, 0) == BUDDY_NONE, "and then nothing more");
}

int run_tests(void) {
	buddy_init(&buddy, LEAVES, bits, arena, LEAF_BYTES);
	ok(buddy_check(&buddy) == 0, "an arena of 64 KB in leaves of 16 bytes");
	churn();
	give_all_back();
	write_text("1..8\n");
	return failed != 0;
}

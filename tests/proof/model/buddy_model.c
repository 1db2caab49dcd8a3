/* buddy_model.c: the buddy alone, in small arenas, against a byte per leaf. From the bytes alone follows
 * which free blocks there are, so whether a request can be served, and by which order. */
#include "driver.h"

#include "buddy.h"

enum { LEAVES_MAX = 256, RUNS = 64, ARENA_STEPS = 400, LEAF_BYTES = 16 };

static struct buddy buddy;
static uint32_t bits[BUDDY_WORDS(LEAVES_MAX)];
static _Alignas(16) unsigned char memory[LEAVES_MAX * LEAF_BYTES]; /* the links, beside or inside */
static unsigned char used[LEAVES_MAX];

static struct run { uint32_t leaf, n; /* n = 0: none */ } runs[RUNS];

static bool all_are(uint32_t leaf, uint32_t n, unsigned char value) {
	for (uint32_t i = leaf; i < leaf + n; i++)
		if (used[i] != value)
			return false;
	return true;
}

/* The order of the free block that holds a free leaf: as large as it can be. */
static uint32_t order_around(uint32_t leaf) {
	uint32_t order = 0;
	while (order < buddy.height && all_are(leaf >> (order + 1) << (order + 1), 2u << order, 0))
		order++;
	return order;
}

/* The smallest order of a free block that is at least `order`; above the height: none. */
static uint32_t best_order(uint32_t order) {
	uint32_t best = buddy.height + 1;
	for (uint32_t leaf = 0; leaf < buddy.nleaves; leaf++)
		if (!used[leaf] && order_around(leaf) >= order && order_around(leaf) < best)
			best = order_around(leaf);
	return best;
}

static void expect_state(void) {
	uint32_t mask = 0;
	EXPECT(buddy_check(&buddy) == 0);
	for (uint32_t leaf = 0; leaf < buddy.nleaves; leaf++) {
		int free_order = buddy_free_order(&buddy, leaf);
		if (used[leaf]) {
			EXPECT(free_order < 0);
			continue;
		}
		uint32_t order = order_around(leaf);
		mask |= 1u << order;
		EXPECT(free_order == (leaf % (1u << order) ? -1 : (int)order));
	}
	EXPECT(buddy.mask == mask);
	EXPECT(buddy_largest(&buddy) == (mask ? 31 - __builtin_clz(mask) : -1));
}

/* The runs of at least n free leaves, each against the bytes. */
static void expect_runs(uint32_t n) {
	uint32_t from = 0, end;
	for (uint32_t run = 0; run < buddy.nleaves; from = end) {
		run = buddy_next_run(&buddy, from, n, &end);
		for (uint32_t leaf = from, length = 0; leaf < run; leaf++)
			EXPECT((length = used[leaf] ? 0 : length + 1) < n || leaf + 1 == run);
		if (run == buddy.nleaves)
			return;
		EXPECT(end - run >= n && all_are(run, end - run, 0));
		EXPECT((run == 0 || used[run - 1]) && (end == buddy.nleaves || used[end]));
	}
}

static void make_arena(struct source *source) {
	uint32_t nleaves = 1u << draw_below(source, 9), placement = draw_below(source, 2);
	memset(used, 0, sizeof used);
	memset(runs, 0, sizeof runs);
	memset(bits, 0xff, sizeof bits);
	buddy_init(&buddy, nleaves, bits, memory, placement ? LEAF_BYTES : sizeof(struct buddy_link));
}

static uint32_t order_of(uint32_t n) { return n <= 1 ? 0 : 32 - (uint32_t)__builtin_clz(n - 1); }

static void do_take(struct source *source, struct run *run) {
	uint32_t n = 1 + draw_below(source, draw_below(source, 4) ? 9 : buddy.nleaves + 1);
	uint32_t align_order = draw_below(source, 4) ? 0 : draw_below(source, 6), order = order_of(n);
	order = order > align_order ? order : align_order;
	uint32_t best = best_order(order), leaf = buddy_take(&buddy, n, align_order);
	EXPECT((leaf == BUDDY_NONE) == (best > buddy.height));
	if (leaf == BUDDY_NONE)
		return;
	EXPECT(leaf + n <= buddy.nleaves && leaf % (1u << align_order) == 0);
	EXPECT(all_are(leaf, n, 0) && order_around(leaf) == best);
	memset(used + leaf, 1, n);
	*run = (struct run){leaf, n};
}

static void do_put(struct run *run) {
	buddy_put(&buddy, run->leaf, run->n);
	memset(used + run->leaf, 0, run->n);
	run->n = 0;
}

static void do_trim(struct source *source, struct run *run) {
	uint32_t keep = 1 + draw_below(source, run->n);
	if (keep < run->n)
		buddy_put(&buddy, run->leaf + keep, run->n - keep);
	memset(used + run->leaf + keep, 0, run->n - keep);
	run->n = keep;
}

static void do_grow(struct source *source, struct run *run) {
	uint32_t more = 1 + draw_below(source, 8), end = run->leaf + run->n;
	bool can = end + more <= buddy.nleaves && all_are(end, more, 0);
	EXPECT(buddy_take_at(&buddy, end, more) == can);
	if (!can)
		return;
	memset(used + end, 1, more);
	run->n += more;
}

/* Takes a free block as a whole, as the purge of a chunk does. */
static void do_take_block(struct source *source, struct run *run) {
	uint32_t leaf = draw_below(source, buddy.nleaves);
	int order = buddy_free_order(&buddy, leaf);
	if (order < 0)
		return;
	EXPECT(buddy_take_at(&buddy, leaf, 1u << order) == 1);
	memset(used + leaf, 1, 1u << order);
	*run = (struct run){leaf, 1u << order};
}

static void step(struct source *source) {
	struct run *run = &runs[draw_below(source, RUNS)];
	uint32_t kind = draw_below(source, 16);
	if (!run->n)
		(kind < 13 ? do_take : do_take_block)(source, run);
	else if (kind < 8)
		do_put(run);
	else if (kind < 12)
		do_trim(source, run);
	else
		do_grow(source, run);
	expect_state();
	expect_runs(1 + kind % buddy.nleaves);
}

static void run(struct source *source, size_t nsteps) {
	make_arena(source);
	for (size_t i = 1; i <= nsteps && !source->ended; i++) {
		step(source);
		if (i % ARENA_STEPS == 0)
			make_arena(source);
	}
	for (struct run *at = runs; at < runs + RUNS; at++)
		if (at->n)
			do_put(at);
	EXPECT(buddy.mask == 1u << buddy.height);
	expect_state();
}

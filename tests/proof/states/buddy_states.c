/* buddy_states.c: every state of a small arena, and every operation from each, against a dumb reference.
 *
 *	buddy_states [LEAVES]        arenas of 1, 2, 4 … LEAVES leaves (default 16)
 *
 * A state is which leaves are allocated: a mask. It settles the bits, and which blocks lie on which list. What
 * it leaves open is the order on the lists and the links of leaves that start no free block:
 * 1. Only buddy_take reads an order: it takes the head. The other operations add at the head, or unlink a
 *    block that the bits name, for which only its two neighbours matter.
 * 2. So each operation runs once for every rotation of the lists: every block is the head once, and every
 *    block that is unlinked is first, last and in the middle, as far as its list allows. The lists of two
 *    orders have no word in common, so they may rotate together.
 * 3. The other links hold a poison. Those of leaves that stay allocated must keep it: they are the user's.
 * 4. After each operation the bits, the mask and each list as a set must be those of the reference's state,
 *    and the lists be circular. That is a state met before or a new one, in some order, and orders are
 *    covered by 1 and 2.
 * buddy_next_free, buddy_next_used, buddy_largest and a refusal read only the bits and the mask: they are
 * asked for once per state. All 2^LEAVES states must be reached.
 */
#include "tap.h"

#include "buddy.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { LEAVES_MAX = 16, ORDERS = 5, STRIDE_MAX = 16, POISON = 0xa5, SECONDS_MAX = 60 };
enum { STATES_MAX = 1 << LEAVES_MAX };

/* All that the engine may write, as one piece that can be copied and compared. */
struct arena {
	struct buddy buddy;
	uint32_t before, bits, after; /* one word of bits serves 16 leaves */
	unsigned char links[LEAVES_MAX * STRIDE_MAX];
};

static uint32_t nleaves, height, stride;
static struct arena arena, fresh; /* what is operated on; the state as it was before */
static uint32_t state;            /* what `fresh` shows: bit i: leaf i is allocated */
static uint32_t rotation;
static bool differs; /* `arena` from `fresh` */
static unsigned long noperations;

/* The operation under way, for the report. */
static struct {
	const char *name;
	uint32_t arguments[2];
} doing;

/* ---- failure ---- */

static bool failed;

static void print_where(void) {
	fprintf(stderr, "# %u leaves, used %04x, rotation %u: %s(%u, %u)\n", nleaves, state, rotation,
	        doing.name, doing.arguments[0], doing.arguments[1]);
}

static void complain(const char *what, uint32_t is, uint32_t expected) {
	if (failed)
		return;
	failed = true;
	print_where();
	fprintf(stderr, "#   %s: %x, expected %x\n", what, is, expected);
}

static void expect(const char *what, uint32_t is, uint32_t expected) {
	if (is != expected)
		complain(what, is, expected);
}

/* A crash, or an operation that does not end. */
static void die_of(int signal) {
	print_where();
	raise(signal); /* SA_RESETHAND: the default now */
}

static void catch_deaths(void) {
	static const int deaths[] = {SIGALRM, SIGSEGV, SIGBUS, SIGABRT};
	struct sigaction action = {.sa_handler = die_of, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
	for (size_t i = 0; i < sizeof deaths / sizeof *deaths; i++)
		sigaction(deaths[i], &action, NULL);
}

/* ---- the reference ---- */

static uint32_t leaves_of(uint32_t leaf, uint32_t n) { return ((1u << n) - 1) << leaf; }

/* The leaves at which free blocks of each order start: aligned, free, and not within a larger one. */
static uint16_t free_starts[1 << LEAVES_MAX][ORDERS];

static bool is_free(uint32_t used, uint32_t leaf, uint32_t order) {
	return leaf % (1u << order) == 0 && leaf + (1u << order) <= nleaves &&
	       !(used & leaves_of(leaf, 1u << order));
}

static void find_free_blocks(void) {
	for (uint32_t used = 0; used < 1u << nleaves; used++)
		for (uint32_t order = 0; order < ORDERS; order++) {
			free_starts[used][order] = 0;
			for (uint32_t leaf = 0; leaf < nleaves; leaf++)
				if (is_free(used, leaf, order) &&
				    !is_free(used, leaf >> (order + 1) << (order + 1), order + 1))
					free_starts[used][order] |= (uint16_t)(1u << leaf);
		}
}

/* Of every allocated leaf its own bit and those of all blocks that contain it. */
static uint32_t bits_of(uint32_t used) {
	uint32_t bits = 0;
	for (uint32_t leaf = 0; leaf < nleaves; leaf++)
		if (used >> leaf & 1)
			for (uint32_t node = nleaves + leaf; node > 0; node /= 2)
				bits |= 1u << node;
	return bits;
}

static uint32_t mask_of(uint32_t used) {
	uint32_t mask = 0;
	for (uint32_t order = 0; order <= height; order++)
		mask |= (uint32_t)(free_starts[used][order] != 0) << order;
	return mask;
}

/* ---- the engine's side ---- */

static struct buddy_link *link_at(struct arena *a, uint32_t index) {
	if (index >= nleaves)
		return &a->buddy.heads[index - nleaves];
	return (struct buddy_link *)(void *)(a->links + index * stride);
}

/* The list of an order, its blocks in rising order, begun `rotation` places further on. */
static void build_list(struct arena *a, uint32_t order) {
	uint32_t starts = free_starts[state][order], blocks[LEAVES_MAX], n = 0;
	for (uint32_t leaf = 0; leaf < nleaves; leaf++)
		if (starts >> leaf & 1)
			blocks[n++] = leaf;
	uint32_t at = nleaves + order;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t next = blocks[(i + rotation) % n];
		link_at(a, at)->next = next;
		link_at(a, next)->prev = at;
		at = next;
	}
	link_at(a, at)->next = nleaves + order;
	link_at(a, nleaves + order)->prev = at;
}

static void build(void) {
	differs = true;
	memset(&fresh, POISON, sizeof fresh);
	fresh.bits = bits_of(state);
	fresh.buddy.nleaves = nleaves;
	fresh.buddy.height = height;
	fresh.buddy.mask = mask_of(state);
	fresh.buddy.stride = stride;
	fresh.buddy.bits = &arena.bits;
	fresh.buddy.links = arena.links;
	for (uint32_t order = 0; order <= height; order++)
		build_list(&fresh, order);
}

static void begin(const char *name, uint32_t a, uint32_t b) {
	doing.name = name;
	doing.arguments[0] = a;
	doing.arguments[1] = b;
	if (differs)
		arena = fresh;
	differs = false;
	noperations++;
}

static void expect_list(uint32_t order, uint32_t expected) {
	uint32_t head = nleaves + order, at = head, found = 0;
	for (uint32_t steps = 0; steps <= nleaves; steps++) {
		uint32_t next = link_at(&arena, at)->next;
		if (next != head && (next >= nleaves || found >> next & 1)) {
			complain("link to", next, head);
			return;
		}
		expect("link back", link_at(&arena, next)->prev, at);
		if (next == head)
			break;
		found |= 1u << next;
		at = next;
	}
	expect("leaves on a list", found, expected);
}

/* What stays allocated was not written to, nor what lies around that which the engine was given. */
static void expect_untouched(uint32_t now) {
	static const struct buddy_link unused = {0xa5a5a5a5, 0xa5a5a5a5};
	uint32_t kept = state & now;
	for (uint32_t leaf = 0; leaf < nleaves; leaf++)
		if (kept >> leaf & 1 &&
		    memcmp(arena.links + leaf * stride, fresh.links + leaf * stride, stride))
			complain("written to the allocated leaf", leaf, BUDDY_NONE);
	for (uint32_t order = height + 1; order <= BUDDY_MAX_ORDER; order++)
		if (memcmp(&arena.buddy.heads[order], &unused, sizeof unused))
			complain("written to the head of order", order, BUDDY_NONE);
	if (memcmp(arena.links + nleaves * stride, fresh.links + nleaves * stride,
	           sizeof arena.links - nleaves * stride))
		complain("written behind the links", 1, 0);
	expect("word before the bits", arena.before, fresh.before);
	expect("word behind the bits", arena.after, fresh.after);
	expect("nleaves", arena.buddy.nleaves, nleaves);
	expect("height", arena.buddy.height, height);
	expect("stride", arena.buddy.stride, stride);
	expect("bits moved", arena.buddy.bits != &arena.bits, 0);
	expect("links moved", arena.buddy.links != arena.links, 0);
}

static void meet(uint32_t next);

/* After an operation that changed something. */
static void expect_state(uint32_t now) {
	expect("bits", arena.bits, bits_of(now));
	expect("mask", arena.buddy.mask, mask_of(now));
	for (uint32_t order = 0; order <= height && !failed; order++)
		expect_list(order, free_starts[now][order]);
	if (!failed)
		expect("buddy_check", (uint32_t)buddy_check(&arena.buddy), 0);
	expect_untouched(now);
	differs = true;
	if (!failed)
		meet(now);
}

/* After one that must not: not a byte differs, and of these bytes buddy_check has spoken. */
static void expect_nothing_changed(void) {
	if (memcmp(&arena, &fresh, sizeof arena) != 0)
		complain("changed though refused", 1, 0);
}

/* ---- the operations ---- */

/* The smallest order with a free block that serves, or ORDERS. */
static uint32_t serving_order(uint32_t n, uint32_t align_order) {
	uint32_t order = align_order;
	while (order < ORDERS && (1u << order < n || !free_starts[state][order]))
		order++;
	return order;
}

static void try_take(uint32_t n, uint32_t align_order) {
	uint32_t order = serving_order(n, align_order);
	uint32_t expected = order < ORDERS ? fresh.buddy.heads[order].next : BUDDY_NONE;
	if (expected == BUDDY_NONE && rotation > 0)
		return;
	begin("buddy_take", n, align_order);
	uint32_t leaf = buddy_take(&arena.buddy, n, align_order);
	expect("leaf", leaf, expected);
	if (failed)
		return;
	if (leaf == BUDDY_NONE)
		expect_nothing_changed();
	else
		expect_state(state | leaves_of(leaf, n));
}

static void try_take_at(uint32_t leaf, uint32_t n) {
	bool can = leaf + n <= nleaves && !(state & leaves_of(leaf, n));
	if (!can && rotation > 0)
		return; /* it was refused before */
	begin("buddy_take_at", leaf, n);
	expect("taken", (uint32_t)buddy_take_at(&arena.buddy, leaf, n), can);
	if (failed)
		return;
	if (can)
		expect_state(state | leaves_of(leaf, n));
	else
		expect_nothing_changed();
}

static void try_put(uint32_t leaf, uint32_t n) {
	begin("buddy_put", leaf, n);
	buddy_put(&arena.buddy, leaf, n);
	expect_state(state & ~leaves_of(leaf, n));
}

/* The first leaf from `leaf` on that is allocated, or free. */
static uint32_t next_that_is(uint32_t leaf, bool allocated) {
	while (leaf < nleaves && (state >> leaf & 1) != allocated)
		leaf++;
	return leaf;
}

static void ask_at(uint32_t leaf) {
	int order = -1;
	for (uint32_t k = 0; k <= height; k++)
		if (free_starts[state][k] >> leaf & 1)
			order = (int)k;
	begin("buddy_free_order", leaf, 0);
	expect("order", (uint32_t)buddy_free_order(&arena.buddy, leaf), (uint32_t)order);
	begin("buddy_next_free", leaf, 0);
	expect("leaf", buddy_next_free(&arena.buddy, leaf), next_that_is(leaf, false));
	begin("buddy_next_used", leaf, 0);
	expect("leaf", buddy_next_used(&arena.buddy, leaf), next_that_is(leaf, true));
	expect_nothing_changed();
}

static void ask_largest(void) {
	int largest = -1;
	for (uint32_t order = 0; order <= height; order++)
		if (free_starts[state][order])
			largest = (int)order;
	begin("buddy_largest", 0, 0);
	expect("largest", (uint32_t)buddy_largest(&arena.buddy), (uint32_t)largest);
	expect_nothing_changed();
}

static void ask_all(void) {
	ask_largest();
	for (uint32_t leaf = 0; leaf < nleaves; leaf++)
		ask_at(leaf);
	begin("buddy_next_free", nleaves, 0);
	expect("leaf", buddy_next_free(&arena.buddy, nleaves), nleaves);
	expect("leaf", buddy_next_used(&arena.buddy, nleaves), nleaves);
	begin("buddy_check", 0, 0);
	expect("buddy_check", (uint32_t)buddy_check(&arena.buddy), 0);
	expect_nothing_changed();
}

static void try_all(void) {
	for (uint32_t n = 1; n <= nleaves; n++)
		for (uint32_t align_order = 0; align_order < ORDERS && !failed; align_order++)
			try_take(n, align_order);
	for (uint32_t leaf = 0; leaf < nleaves; leaf++) {
		for (uint32_t n = 1; n <= nleaves - leaf + 1 && !failed; n++)
			try_take_at(leaf, n);
		for (uint32_t end = leaf; end < nleaves && state >> end & 1 && !failed; end++)
			try_put(leaf, end + 1 - leaf);
	}
}

/* ---- the search ---- */

static uint32_t queue[STATES_MAX];
static size_t nstates;
static bool met[STATES_MAX];

/* Queues a state that was not met before. */
static void meet(uint32_t next) {
	if (!met[next])
		queue[nstates++] = next;
	met[next] = true;
}

/* The rotations that make every block of every list the head. */
static uint32_t count_rotations(void) {
	uint32_t longest = 1;
	for (uint32_t order = 0; order <= height; order++) {
		uint32_t length = (uint32_t)__builtin_popcount(free_starts[state][order]);
		longest = length > longest ? length : longest;
	}
	return longest;
}

/* What buddy_init makes is the first state: all free. */
static void try_init(void) {
	state = 0;
	rotation = 0;
	differs = true;
	memset(&fresh, POISON, sizeof fresh);
	begin("buddy_init", nleaves, stride);
	buddy_init(&arena.buddy, nleaves, &arena.bits, arena.links, stride);
	expect_state(state);
}

static void search(uint32_t leaves, uint32_t link_stride) {
	nleaves = leaves;
	height = 31 - (uint32_t)__builtin_clz(leaves);
	stride = link_stride;
	nstates = noperations = 0;
	failed = false;
	memset(met, 0, sizeof met);
	find_free_blocks();
	try_init();
	for (size_t i = 0; i < nstates && !failed; i++) {
		state = queue[i];
		if (i % 1024 == 0)
			alarm(SECONDS_MAX); /* these take a tenth of a second */
		for (rotation = 0; rotation < count_rotations() && !failed; rotation++) {
			build();
			if (rotation == 0)
				ask_all();
			try_all();
		}
	}
	ok(!failed && nstates == (size_t)1 << nleaves,
	   "%u leaves, links %u bytes apart: %zu states, %lu operations", leaves, link_stride, nstates,
	   noperations);
}

int main(int argc, char **argv) {
	unsigned long largest = argc > 1 ? strtoul(argv[1], NULL, 0) : LEAVES_MAX;
	if (argc > 2 || largest < 1 || largest > LEAVES_MAX) {
		fprintf(stderr, "usage: %s [LEAVES], at most %d\n", argv[0], LEAVES_MAX);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	catch_deaths();
	for (uint32_t leaves = 1; leaves <= largest; leaves *= 2) {
		search(leaves, sizeof(struct buddy_link));
		if (leaves < LEAVES_MAX) /* 16 bytes apart: as in free leaves of 16 bytes */
			search(leaves, STRIDE_MAX);
	}
	return done();
}

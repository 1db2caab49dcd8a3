/* buddy.c: the states of a pair of buddies, and every operation of include/buddy.h, with the links beside the
 * arena and in its free blocks. The shadow is a byte per leaf: the reference that the arena is compared with.
 */
#include "unit.h"

#include "buddy.h"

enum placement { BESIDE, INSIDE };
enum { LEAF_BYTES = 16 };

struct arena {
	struct buddy buddy;
	uint32_t *bits;
	unsigned char *memory; /* of the links, or of the arena itself */
	unsigned char *shadow; /* 1: the leaf is allocated */
};

static void arena_make(struct arena *arena, uint32_t nleaves, enum placement placement) {
	uint32_t stride = placement == BESIDE ? sizeof(struct buddy_link) : LEAF_BYTES;
	arena->bits = malloc(BUDDY_WORDS(nleaves) * sizeof *arena->bits);
	arena->memory = malloc((size_t)nleaves * stride);
	arena->shadow = calloc(nleaves, 1);
	memset(arena->bits, 0xa5,
	       BUDDY_WORDS(nleaves) * sizeof *arena->bits); /* init must not rely on zeros */
	memset(arena->memory, 0xa5, (size_t)nleaves * stride);
	buddy_init(&arena->buddy, nleaves, arena->bits, arena->memory, stride);
}

static void arena_drop(struct arena *arena) {
	free(arena->bits);
	free(arena->memory);
	free(arena->shadow);
}

#define FOR_BOTH_PLACEMENTS(placement)                                                                       \
	for (enum placement placement = BESIDE; placement <= INSIDE; placement++)

static bool is_set(const struct arena *arena, uint32_t node) {
	return arena->bits[node / 32] >> (node % 32) & 1;
}

static bool shadow_is(const struct arena *arena, uint32_t leaf, uint32_t n, unsigned char value) {
	for (uint32_t i = leaf; i < leaf + n; i++)
		if (arena->shadow[i] != value)
			return false;
	return true;
}

/* Takes n leaves, checked against the shadow; returns the first leaf. */
static uint32_t take(struct arena *arena, uint32_t n, uint32_t align_order) {
	uint32_t leaf = buddy_take(&arena->buddy, n, align_order);
	if (leaf == BUDDY_NONE)
		return leaf;
	assert_in_range(leaf, 0, arena->buddy.nleaves - n);
	assert_int_equal(leaf % (1u << align_order), 0);
	assert_true(shadow_is(arena, leaf, n, 0));
	memset(arena->shadow + leaf, 1, n);
	return leaf;
}

static void put(struct arena *arena, uint32_t leaf, uint32_t n) {
	assert_true(shadow_is(arena, leaf, n, 1));
	buddy_put(&arena->buddy, leaf, n);
	memset(arena->shadow + leaf, 0, n);
}

/* What is free in the shadow is free, and in blocks as large as can be; the rest is allocated. */
static void compare_with_shadow(const struct arena *arena) {
	uint32_t nleaves = arena->buddy.nleaves;
	assert_int_equal(buddy_check(&arena->buddy), 0);
	for (uint32_t leaf = 0; leaf < nleaves;) {
		int order = buddy_free_order(&arena->buddy, leaf);
		uint32_t size = order < 0 ? 1 : 1u << order;
		assert_true(shadow_is(arena, leaf, size, order < 0));
		assert_int_equal(is_set(arena, nleaves + leaf), order < 0);
		if (order >= 0 && size < nleaves)
			assert_false(shadow_is(arena, leaf ^ size, size, 0)); /* else it had coalesced */
		leaf += size;
	}
}

static bool is_whole(const struct arena *arena) {
	return arena->buddy.mask == 1u << arena->buddy.height && buddy_check(&arena->buddy) == 0;
}

/* ---- the table of states ---- */

enum pair { UNUSED, LEFT, RIGHT, BOTH };
enum step { TAKE_HALF, TAKE_ALL, PUT_LEFT, PUT_RIGHT, PUT_ALL };

static const struct transition {
	enum pair from;
	enum step step;
	enum pair to;
} transitions[] = {
        {UNUSED, TAKE_HALF, LEFT}, /* splits */
        {UNUSED, TAKE_ALL, BOTH},   {LEFT, TAKE_HALF, BOTH}, {RIGHT, TAKE_HALF, BOTH},
        {BOTH, PUT_LEFT, RIGHT},    {BOTH, PUT_RIGHT, LEFT}, {LEFT, PUT_LEFT, UNUSED}, /* coalesces */
        {RIGHT, PUT_RIGHT, UNUSED},                                                    /* coalesces */
        {BOTH, PUT_ALL, UNUSED},
};

/* The pair is the two halves of the arena: nodes 2 and 3, their parent is the root. */
static enum pair pair_state(const struct arena *arena) {
	bool parent = is_set(arena, 1), left = is_set(arena, 2), right = is_set(arena, 3);
	assert_int_equal(parent, left || right);
	assert_int_equal(parent, buddy_free_order(&arena->buddy, 0) != (int)arena->buddy.height);
	return left && right ? BOTH : left ? LEFT : right ? RIGHT : UNUSED;
}

static void pair_step(struct arena *arena, enum step step) {
	uint32_t half = arena->buddy.nleaves / 2;
	switch (step) {
	case TAKE_HALF:
		assert_int_not_equal(take(arena, half, 0), BUDDY_NONE);
		break;
	case TAKE_ALL:
		assert_int_equal(take(arena, 2 * half, 0), 0);
		break;
	case PUT_LEFT:
		put(arena, 0, half);
		break;
	case PUT_RIGHT:
		put(arena, half, half);
		break;
	case PUT_ALL:
		put(arena, 0, 2 * half);
		break;
	}
}

static void pair_bring_to(struct arena *arena, enum pair pair) {
	if (pair == LEFT || pair == RIGHT || pair == BOTH)
		pair_step(arena, TAKE_HALF);
	if (pair == RIGHT || pair == BOTH)
		pair_step(arena, TAKE_HALF);
	if (pair == RIGHT)
		pair_step(arena, PUT_LEFT);
}

static void check_free_lists(const struct arena *arena, enum pair pair) {
	const struct buddy *buddy = &arena->buddy;
	uint32_t half = buddy->nleaves / 2, order = buddy->height;
	bool split = is_set(arena, 2) ^ is_set(arena, 3);
	assert_int_equal(split, pair == LEFT || pair == RIGHT);
	assert_int_equal(buddy->mask, pair == UNUSED ? 1u << order : split ? 1u << (order - 1) : 0);
	assert_int_equal(buddy_largest(buddy), pair == UNUSED ? (int)order : split ? (int)order - 1 : -1);
	if (split)
		assert_int_equal(buddy->heads[order - 1].next, pair == LEFT ? half : 0);
}

TEST(every_transition_of_a_pair) {
	for (uint32_t nleaves = 2; nleaves <= 4096; nleaves *= 2) {
		for (size_t i = 0; i < sizeof transitions / sizeof *transitions; i++) {
			FOR_BOTH_PLACEMENTS(placement) {
				struct arena arena;
				arena_make(&arena, nleaves, placement);
				pair_bring_to(&arena, transitions[i].from);
				assert_int_equal(pair_state(&arena), transitions[i].from);
				pair_step(&arena, transitions[i].step);
				assert_int_equal(pair_state(&arena), transitions[i].to);
				check_free_lists(&arena, transitions[i].to);
				compare_with_shadow(&arena);
				arena_drop(&arena);
			}
		}
	}
}

TEST(one_leaf_splits_every_order_and_coalesces_them) {
	for (uint32_t nleaves = 1; nleaves <= 1u << 17; nleaves *= 2) {
		FOR_BOTH_PLACEMENTS(placement) {
			struct arena arena;
			arena_make(&arena, nleaves, placement);
			assert_true(is_whole(&arena));
			assert_int_equal(take(&arena, 1, 0), 0);
			assert_int_equal(arena.buddy.mask,
			                 nleaves - 1); /* a free block of each order below the root's */
			assert_int_equal(buddy_check(&arena.buddy), 0);
			put(&arena, 0, 1);
			assert_true(is_whole(&arena));
			arena_drop(&arena);
		}
	}
}

/* ---- take and put ---- */

TEST(every_run_is_trimmed_to_its_length) {
	for (uint32_t nleaves = 1; nleaves <= 512; nleaves *= 2) {
		FOR_BOTH_PLACEMENTS(placement) {
			struct arena arena;
			arena_make(&arena, nleaves, placement);
			for (uint32_t n = 1; n <= nleaves; n++) {
				assert_int_equal(take(&arena, n, 0), 0);
				compare_with_shadow(&arena);
				put(&arena, 0, n);
				assert_true(is_whole(&arena));
			}
			arena_drop(&arena);
		}
	}
}

TEST(a_run_may_be_put_back_in_two_parts) {
	enum { N = 64 };
	FOR_BOTH_PLACEMENTS(placement) {
		struct arena arena;
		arena_make(&arena, N, placement);
		for (uint32_t n = 1; n <= N; n++) {
			for (uint32_t keep = 1; keep < n; keep++) {
				take(&arena, n, 0);
				put(&arena, keep, n - keep);
				compare_with_shadow(&arena);
				put(&arena, 0, keep);
				assert_true(is_whole(&arena));
			}
		}
		arena_drop(&arena);
	}
}

TEST(neighbours_may_be_put_back_together) {
	struct arena arena;
	arena_make(&arena, 64, INSIDE);
	for (uint32_t n = 1; n <= 32; n++) {
		uint32_t first = take(&arena, 1, 0), second = take(&arena, n, 0);
		assert_int_equal(first, 0);
		if (second > 1)
			assert_true(buddy_take_at(&arena.buddy, 1, second - 1));
		memset(arena.shadow + 1, 1, second - 1);
		put(&arena, 0, second + n);
		assert_true(is_whole(&arena));
	}
	arena_drop(&arena);
}

TEST(alignment_holds_among_fragments) {
	enum { N = 256 };
	uint64_t seed = 1;
	FOR_BOTH_PLACEMENTS(placement) {
		for (uint32_t align_order = 0; align_order <= 8; align_order++) {
			struct arena arena;
			uint32_t served = 0;
			arena_make(&arena, N, placement);
			for (uint32_t leaf = 0; leaf < N; leaf++)
				take(&arena, 1, 0);
			for (uint32_t leaf = 0; leaf < N; leaf++)
				if (next_random(&seed) % 8 || align_order > 4)
					put(&arena, leaf, 1);
			for (uint32_t n = 1; n <= 9; n++)
				served += take(&arena, n, align_order) != BUDDY_NONE;
			assert_int_not_equal(served, 0);
			compare_with_shadow(&arena);
			arena_drop(&arena);
		}
	}
}

TEST(the_smallest_sufficient_block_serves) {
	struct arena arena;
	arena_make(&arena, 64, BESIDE);
	for (uint32_t leaf = 0; leaf < 64; leaf++)
		take(&arena, 1, 0);
	put(&arena, 40, 8); /* order 3 */
	put(&arena, 5, 1);  /* order 0 */
	put(&arena, 18, 2); /* order 1 */
	assert_int_equal(take(&arena, 1, 0), 5);
	assert_int_equal(take(&arena, 1, 1), 18);
	assert_int_equal(take(&arena, 1, 0), 19);
	assert_int_equal(take(&arena, 5, 0), 40);
	assert_int_equal(take(&arena, 2, 0), 46);
	assert_int_equal(take(&arena, 1, 0), 45);
	assert_int_equal(buddy_largest(&arena.buddy), -1);
	arena_drop(&arena);
}

TEST(what_cannot_be_served_changes_nothing) {
	for (uint32_t nleaves = 1; nleaves <= 1024; nleaves *= 4) {
		struct arena arena;
		arena_make(&arena, nleaves, BESIDE);
		assert_int_equal(take(&arena, nleaves + 1, 0), BUDDY_NONE);
		assert_int_equal(take(&arena, UINT32_MAX, 0), BUDDY_NONE);
		assert_int_equal(take(&arena, 1, arena.buddy.height + 1), BUDDY_NONE);
		assert_true(is_whole(&arena));
		assert_int_equal(take(&arena, nleaves, arena.buddy.height), 0);
		assert_int_equal(take(&arena, 1, 0), BUDDY_NONE);
		assert_int_equal(buddy_largest(&arena.buddy), -1);
		put(&arena, 0, nleaves);
		assert_true(is_whole(&arena));
		arena_drop(&arena);
	}
}

/* ---- take_at and the runs, in every arrangement of eight leaves ---- */

enum { SMALL = 8, ARRANGEMENTS = 1 << SMALL };

static void arrange(struct arena *arena, unsigned used, enum placement placement) {
	arena_make(arena, SMALL, placement);
	for (uint32_t leaf = 0; leaf < SMALL; leaf++)
		take(arena, 1, 0);
	for (uint32_t leaf = 0; leaf < SMALL; leaf++)
		if (!(used >> leaf & 1))
			put(arena, leaf, 1);
}

/* The order of the free block that starts at a leaf, by its definition; or -1. */
static int free_order_at(const struct arena *arena, uint32_t leaf) {
	for (int order = 3; order >= 0; order--) {
		uint32_t size = 1u << order;
		if (leaf % size || leaf + size > SMALL || !shadow_is(arena, leaf, size, 0))
			continue;
		bool within_larger = size < SMALL && shadow_is(arena, (leaf & ~(2 * size - 1)), 2 * size, 0);
		return within_larger ? -1 : order;
	}
	return -1;
}

/* The first run of at least n from a leaf on, by its definition; SMALL: none. */
static uint32_t next_run(const struct arena *arena, uint32_t leaf, uint32_t n, uint32_t *end) {
	for (; leaf < SMALL; leaf = *end + 1) {
		for (*end = leaf; *end < SMALL && !arena->shadow[*end]; ++*end)
			;
		if (*end - leaf >= n)
			return leaf;
	}
	return SMALL;
}

static void check_runs(const struct arena *arena) {
	for (uint32_t n = 1; n <= SMALL; n++) {
		for (uint32_t leaf = 0; leaf <= SMALL; leaf++) {
			if (leaf > 0 && !arena->shadow[leaf - 1])
				continue; /* the contract asks for this */
			uint32_t end = 0, expected_end, expected = next_run(arena, leaf, n, &expected_end);
			assert_int_equal(buddy_next_run(&arena->buddy, leaf, n, &end), expected);
			if (expected < SMALL)
				assert_int_equal(end, expected_end);
		}
	}
}

TEST(blocks_and_runs_of_every_arrangement) {
	FOR_BOTH_PLACEMENTS(placement) {
		for (unsigned used = 0; used < ARRANGEMENTS; used++) {
			struct arena arena;
			arrange(&arena, used, placement);
			compare_with_shadow(&arena);
			for (uint32_t leaf = 0; leaf < SMALL; leaf++)
				assert_int_equal(buddy_free_order(&arena.buddy, leaf),
				                 free_order_at(&arena, leaf));
			check_runs(&arena);
			arena_drop(&arena);
		}
	}
}

static void check_take_at(unsigned used, uint32_t leaf, uint32_t n, enum placement placement) {
	struct arena arena;
	arrange(&arena, used, placement);
	bool is_free = leaf + n <= SMALL && shadow_is(&arena, leaf, n, 0);
	assert_int_equal(buddy_take_at(&arena.buddy, leaf, n), is_free);
	if (is_free)
		memset(arena.shadow + leaf, 1, n);
	compare_with_shadow(&arena);
	if (is_free)
		put(&arena, leaf, n);
	compare_with_shadow(&arena);
	arena_drop(&arena);
}

TEST(take_at_takes_exactly_what_is_free) {
	for (unsigned used = 0; used < ARRANGEMENTS; used++)
		for (uint32_t leaf = 0; leaf < SMALL; leaf++)
			for (uint32_t n = 1; n <= SMALL + 1; n++)
				check_take_at(used, leaf, n, used % 2 ? BESIDE : INSIDE);
}

TEST(a_run_grows_and_shrinks_where_it_lies) {
	FOR_BOTH_PLACEMENTS(placement) {
		struct arena arena;
		uint32_t n = 1;
		uint64_t seed = 7;
		arena_make(&arena, 512, placement);
		assert_int_equal(take(&arena, n, 0), 0);
		for (unsigned i = 0; i < 2000; i++) {
			uint32_t wanted = 1 + next_random(&seed) % 512;
			if (wanted > n) {
				assert_true(buddy_take_at(&arena.buddy, n, wanted - n));
				memset(arena.shadow + n, 1, wanted - n);
			} else {
				if (wanted < n)
					put(&arena, wanted, n - wanted);
			}
			n = wanted;
			compare_with_shadow(&arena);
		}
		put(&arena, 0, n);
		assert_true(is_whole(&arena));
		arena_drop(&arena);
	}
}

/* ---- sizes of arena ---- */

static void fill_and_empty(uint32_t nleaves, enum placement placement) {
	struct arena arena;
	uint64_t seed = nleaves;
	uint32_t *order = malloc(nleaves * sizeof *order), taken = 0;
	arena_make(&arena, nleaves, placement);
	for (; taken < nleaves; taken++)
		order[taken] = take(&arena, 1, 0);
	assert_int_equal(take(&arena, 1, 0), BUDDY_NONE);
	assert_true(shadow_is(&arena, 0, nleaves, 1));
	for (uint32_t left = nleaves; left > 0; left--) {
		uint32_t pick = next_random(&seed) % left;
		put(&arena, order[pick], 1);
		order[pick] = order[left - 1];
	}
	assert_true(is_whole(&arena));
	arena_drop(&arena);
	free(order);
}

TEST(arenas_from_one_leaf_to_2_to_the_17) {
	for (uint32_t nleaves = 1; nleaves <= 1u << 17; nleaves *= 2)
		FOR_BOTH_PLACEMENTS(placement) fill_and_empty(nleaves, placement);
}

/* The example at the head of the header: nothing but the arena and the bits, and live blocks are left alone.
 */
TEST(two_megabytes_in_leaves_of_16_bytes) {
	enum { LEAVES = 1 << 17 };
	static _Alignas(16) unsigned char memory[LEAVES * LEAF_BYTES];
	static uint32_t bits[BUDDY_WORDS(LEAVES)];
	static uint32_t firsts[LEAVES / 40];
	struct buddy buddy;
	uint64_t seed = 3;
	uint32_t live = 0, leaf, n;
	buddy_init(&buddy, LEAVES, bits, memory, LEAF_BYTES);
	while (n = 1 + next_random(&seed) % 100, (leaf = buddy_take(&buddy, n, 0)) != BUDDY_NONE) {
		firsts[live++] = leaf;
		memset(memory + (size_t)leaf * LEAF_BYTES, (int)(n + 1), n * LEAF_BYTES);
		assert_true(live < LEAVES / 40);
	}
	assert_int_equal(buddy_check(&buddy), 0);
	for (uint32_t i = 0; i < live; i++) { /* the fill byte says the length */
		unsigned char *block = memory + (size_t)firsts[i] * LEAF_BYTES;
		n = block[0] - 1u;
		assert_true(is_filled(block, (int)(n + 1), n * LEAF_BYTES));
		buddy_put(&buddy, firsts[i], n);
	}
	assert_int_equal(buddy.mask, 1u << 17);
	assert_int_equal(buddy_check(&buddy), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_transition_of_a_pair),
	        cmocka_unit_test(one_leaf_splits_every_order_and_coalesces_them),
	        cmocka_unit_test(every_run_is_trimmed_to_its_length),
	        cmocka_unit_test(a_run_may_be_put_back_in_two_parts),
	        cmocka_unit_test(neighbours_may_be_put_back_together),
	        cmocka_unit_test(alignment_holds_among_fragments),
	        cmocka_unit_test(the_smallest_sufficient_block_serves),
	        cmocka_unit_test(what_cannot_be_served_changes_nothing),
	        cmocka_unit_test(blocks_and_runs_of_every_arrangement),
	        cmocka_unit_test(take_at_takes_exactly_what_is_free),
	        cmocka_unit_test(a_run_grows_and_shrinks_where_it_lies),
	        cmocka_unit_test(arenas_from_one_leaf_to_2_to_the_17),
	        cmocka_unit_test(two_megabytes_in_leaves_of_16_bytes),
	};
	return RUN(tests);
}

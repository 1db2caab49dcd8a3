/* malloc.c: what malloc and its family mean, called by the engine's own names. Misuse is tests/process/abuse. */
#include "unit.h"

#include "back/chunk.h"
#include "back/large.h"
#include "front/malloc.h"

#define MB        ((size_t)1 << 20)
#define COUNT(of) (sizeof(of) / sizeof *(of))

/* Slots, spans and large blocks, and the sizes on both sides of each border. */
static const size_t sizes[] = {0,      1,    16,     17,     127,        128,    129,   1000,
                               4096,   5000, 32767,  32768,  32769,      36864,  36865, 100000,
                               MB - 1, MB,   MB + 1, 2 * MB, 2 * MB + 1, 3 * MB, 5 * MB};

static int clean(void **state) {
	(void)state;
	trim();
	errno = EXDEV; /* which no call that succeeds changes */
	return chunk_count().used_pages == 0 && large_count().live == 0 ? 0 : -1;
}

static int clean_and_errno_kept(void **state) { return errno == EXDEV ? clean(state) : -1; }

/* ---- allocate, release ---- */

TEST(blocks_of_every_size_are_usable_aligned_and_apart) {
	char *blocks[COUNT(sizes)];
	for (size_t i = 0; i < COUNT(sizes); i++) {
		assert_non_null(blocks[i] = allocate(sizes[i]));
		assert_int_equal((uintptr_t)blocks[i] % 16, 0);
		assert_true(usable_size(blocks[i]) >= sizes[i]);
		memset(blocks[i], (int)i, usable_size(blocks[i]));
	}
	for (size_t i = 0; i < COUNT(sizes); i++)
		assert_true(is_filled(blocks[i], (int)i, usable_size(blocks[i])));
	for (size_t i = 0; i < COUNT(sizes); i++)
		release(blocks[i]);
}

TEST(slack_is_one_step_or_part_of_a_page) {
	for (size_t size = 1; size < 3 * MB; size += 1 + size / 50) {
		char *block = allocate(size);
		size_t slack = usable_size(block) - size;
		assert_true(size <= SMALL_MAX ? slack < QUANTUM || slack < size / STEPS
		                              : slack < os_page_size());
		release(block);
	}
}

TEST(nothing_is_a_block_too) {
	void *one = allocate(0), *two = allocate(0);
	assert_non_null(one);
	assert_non_null(two);
	assert_ptr_not_equal(one, two);
	release(one);
	release(two);
	release(NULL);
	assert_int_equal(usable_size(NULL), 0);
}

/* ---- zero ---- */

TEST(zeroed_blocks_are_zero_also_in_used_memory) {
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT(sizes); i++) {
			char *block = allocate_zeroed(1, sizes[i]);
			assert_non_null(block);
			assert_true(is_zero(block, sizes[i]));
			memset(block, 0xff, usable_size(block));
			release(block);
		}
	}
}

TEST(zeroed_multiplies) {
	char *block = allocate_zeroed(300, 40);
	assert_true(usable_size(block) >= 12000);
	assert_true(is_zero(block, 12000));
	release(block);
	release(allocate_zeroed(0, 40));
	release(allocate_zeroed(40, 0));
}

/* ---- alignment ---- */

TEST(every_alignment_of_every_size) {
	for (size_t align = 1; align <= 8 * MB; align *= 2) {
		for (size_t i = 0; i < COUNT(sizes); i++) {
			char *block = allocate_aligned(align, sizes[i]);
			assert_non_null(block);
			assert_int_equal((uintptr_t)block % align, 0);
			assert_true(usable_size(block) >= sizes[i]);
			memset(block, 1, sizes[i]);
			release(block);
		}
	}
}

TEST(aligned_blocks_are_apart) {
	char *blocks[200];
	uint64_t seed = 3;
	for (size_t i = 0; i < COUNT(blocks); i++) {
		size_t align = (size_t)1 << (next_random(&seed) % 17);
		blocks[i] = allocate_aligned(align, next_random(&seed) % 3000);
		assert_int_equal((uintptr_t)blocks[i] % align, 0);
		memset(blocks[i], (int)i, usable_size(blocks[i]));
	}
	for (size_t i = 0; i < COUNT(blocks); i++) {
		assert_true(is_filled(blocks[i], (int)i, usable_size(blocks[i])));
		release(blocks[i]);
	}
}

/* ---- no memory ---- */

static void *allocate_the_slow_way(size_t size) { return allocate_slow(size, BY_MALLOC); }

TEST(impossible_sizes_are_enomem_and_change_nothing) {
	static const size_t impossible[] = {SIZE_MAX,
	                                    SIZE_MAX - 1,
	                                    SIZE_MAX / 2,
	                                    (size_t)PTRDIFF_MAX,
	                                    (size_t)PTRDIFF_MAX + 1,
	                                    (size_t)PTRDIFF_MAX - MB,
	                                    (size_t)1 << 48};
	char *block = allocate(100);
	memset(block, 7, 100);
	for (size_t i = 0; i < COUNT(impossible); i++) {
		void *(*const none[])(size_t) = {allocate, allocate_the_slow_way};
		for (size_t k = 0; k < COUNT(none); k++) {
			errno = 0;
			assert_null(none[k](impossible[i]));
			assert_int_equal(errno, ENOMEM);
		}
		errno = 0;
		assert_null(allocate_zeroed(1, impossible[i]));
		assert_int_equal(errno, ENOMEM);
		for (size_t align = 1; align; align *= 2) {
			errno = 0;
			assert_null(allocate_aligned(align, impossible[i]));
			assert_int_equal(errno, ENOMEM);
		}
		errno = 0;
		assert_null(reallocate(block, impossible[i]));
		assert_int_equal(errno, ENOMEM);
		assert_true(is_filled(block, 7, 100));
	}
	errno = EXDEV;
	release(block);
}

TEST(a_product_that_overflows_is_enomem) {
	static const size_t pairs[][2] = {
	        {SIZE_MAX, 2}, {2, SIZE_MAX}, {(size_t)1 << 32, (size_t)1 << 32}, {SIZE_MAX, SIZE_MAX}};
	for (size_t i = 0; i < COUNT(pairs); i++) {
		errno = 0;
		assert_null(allocate_zeroed(pairs[i][0], pairs[i][1]));
		assert_int_equal(errno, ENOMEM);
	}
	errno = EXDEV;
}

TEST(impossible_alignments_are_enomem) {
	for (size_t align = (size_t)1 << 63; align >= (size_t)1 << 48; align /= 2) {
		errno = 0;
		assert_null(allocate_aligned(align, 1));
		assert_int_equal(errno, ENOMEM);
	}
	errno = EXDEV;
}

/* ---- reallocate ---- */

static void fill(unsigned char *block, size_t size) {
	for (size_t i = 0; i < size; i += 61)
		block[i] = (unsigned char)(i % 251 + 1);
}

static bool is_intact(const unsigned char *block, size_t size) {
	for (size_t i = 0; i < size; i += 61)
		if (block[i] != i % 251 + 1)
			return false;
	return true;
}

TEST(from_every_size_to_every_size) {
	for (size_t i = 0; i < COUNT(sizes); i++) {
		for (size_t k = 1; k < COUNT(sizes); k++) { /* size 0 is another test */
			unsigned char *block = allocate(sizes[i]);
			fill(block, sizes[i]);
			block = reallocate(block, sizes[k]);
			assert_non_null(block);
			assert_true(usable_size(block) >= sizes[k]);
			assert_true(is_intact(block, min_size(sizes[i], sizes[k])));
			memset(block, 1, usable_size(block));
			release(block);
		}
	}
}

TEST(from_nothing_and_to_nothing) {
	char *block = reallocate(NULL, 100);
	assert_non_null(block);
	assert_true(usable_size(block) >= 100);
	assert_null(reallocate(block, 0)); /* freed, and no error: see the teardown */
	char *again = allocate(100);
	assert_ptr_equal(again, block);
	release(again);
	block = reallocate(NULL, 0);
	assert_non_null(block);
	release(block);
}

TEST(a_slot_stays_while_the_request_fits_it_well) {
	char *block = allocate(1024), *other;
	assert_ptr_equal(reallocate(block, 1024), block);
	assert_ptr_equal(reallocate(block, 1000), block);
	assert_ptr_equal(reallocate(block, 512), block); /* half of it is enough to stay */
	other = reallocate(block, 100);
	assert_ptr_not_equal(other, block);
	assert_true(usable_size(other) < 128);
	release(other);
	block = allocate(1);
	assert_ptr_equal(reallocate(block, 16), block);
	assert_ptr_equal(reallocate(block, 1), block); /* the smallest slot never moves */
	release(block);
}

TEST(spans_grow_where_they_lie) {
	unsigned char *block = allocate(100000);
	fill(block, 100000);
	for (size_t size = 100000; size <= MB; size += 50000) {
		assert_ptr_equal(reallocate(block, size), block); /* nothing else is in the chunk */
		assert_true(is_intact(block, 100000));
	}
	for (size_t size = MB; size > 90000; size -= 50000)
		assert_ptr_equal(reallocate(block, size), block);
	assert_true(is_intact(block, 40000));
	release(block);
}

TEST(a_growing_block_at_random) {
	uint64_t seed = 40;
	size_t size = 10;
	unsigned char *block = allocate(size);
	fill(block, size);
	for (int i = 0; i < 3000; i++) {
		size_t wanted = 1 + next_random(&seed) % ((size_t)1 << (next_random(&seed) % 23));
		block = reallocate(block, wanted);
		assert_true(is_intact(block, min_size(size, wanted)));
		fill(block, wanted);
		size = wanted;
	}
	release(block);
}

/* ---- trim ---- */

TEST(trim_gives_back_what_is_free_and_says_so) {
	static char *blocks[2000];
	for (size_t i = 0; i < COUNT(blocks); i++)
		memset(blocks[i] = allocate(3000), (int)i, 3000);
	for (size_t i = 0; i < COUNT(blocks); i++)
		if (i % 20)
			release(blocks[i]);
	assert_true(trim());
	assert_false(trim());
	for (size_t i = 0; i < COUNT(blocks); i += 20) {
		assert_true(is_filled(blocks[i], (int)i, 3000));
		release(blocks[i]);
	}
	static const size_t alone[] = {
	        100000, 3 * MB}; /* in a chunk, or with a mapping of its own, and nothing else */
	for (size_t i = 0; i < COUNT(alone); i++) {
		release(allocate(alone[i]));
		assert_true(trim());
		assert_false(trim());
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, clean, clean_and_errno_kept)

int main(void) {
	const struct CMUnitTest tests[] = {
	        CASE(blocks_of_every_size_are_usable_aligned_and_apart),
	        CASE(slack_is_one_step_or_part_of_a_page),
	        CASE(nothing_is_a_block_too),
	        CASE(zeroed_blocks_are_zero_also_in_used_memory),
	        CASE(zeroed_multiplies),
	        CASE(every_alignment_of_every_size),
	        CASE(aligned_blocks_are_apart),
	        CASE(impossible_sizes_are_enomem_and_change_nothing),
	        CASE(a_product_that_overflows_is_enomem),
	        CASE(impossible_alignments_are_enomem),
	        CASE(from_every_size_to_every_size),
	        CASE(from_nothing_and_to_nothing),
	        CASE(a_slot_stays_while_the_request_fits_it_well),
	        CASE(spans_grow_where_they_lie),
	        CASE(a_growing_block_at_random),
	        CASE(trim_gives_back_what_is_free_and_says_so),
	};
	return RUN(tests);
}

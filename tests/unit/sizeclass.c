/* sizeclass.c: every size from 0 to SMALL_MAX, every alignment, and the pages of every slab. */
#include "unit.h"

#include "middle/sizeclass.h"
#include "middle/slab.h"

TEST(class_is_the_smallest_that_holds_the_size) {
	assert_int_equal(class_size(0), 0);
	for (size_t size = 0; size <= SMALL_MAX; size++) {
		unsigned class = class_of(size);
		assert_in_range(class, 1, CLASSES - 1);
		assert_true(class_size(class) >= size);
		assert_true(class == 1 || class_size(class - 1) < size);
	}
	assert_int_equal(class_of(SMALL_MAX), CLASSES - 1);
	assert_int_equal(class_size(CLASSES - 1), SMALL_MAX);
}

TEST(sizes_are_quanta_and_rise) {
	for (unsigned class = 1; class < CLASSES; class ++) {
		assert_int_equal(class_size(class) % QUANTUM, 0);
		assert_true(class_size(class) > class_size(class - 1));
	}
}

TEST(slack_is_below_a_quantum_or_one_step) {
	for (size_t size = 1; size <= SMALL_MAX; size++) {
		size_t slack = class_size(class_of(size)) - size;
		assert_true(slack < QUANTUM || slack * STEPS < size);
	}
}

/* The reference: the first class that holds the size and whose slots are all aligned. */
static unsigned aligned_by_search(size_t size, size_t align) {
	for (unsigned class = 1; class < CLASSES; class ++)
		if (class_size(class) >= size && class_size(class) % align == 0)
			return class;
	return 0;
}

TEST(aligned_class_is_the_smallest_whose_slots_are_aligned) {
	for (size_t align = 1; align <= PAGE_SIZE; align *= 2)
		for (size_t size = 1; size <= SMALL_MAX; size++)
			assert_int_equal(class_of_aligned(size, align), aligned_by_search(size, align));
}

TEST(no_class_beyond_the_limits) {
	assert_int_equal(class_of_aligned(1, 2 * PAGE_SIZE), 0);
	assert_int_equal(class_of_aligned(1, (size_t)1 << 63), 0);
	assert_int_equal(class_of_aligned(SMALL_MAX + 1, 16), 0);
	assert_int_equal(class_of_aligned(SIZE_MAX, 16), 0);
}

TEST(slab_pages_waste_little_and_stay_in_bounds) {
	for (unsigned class = 1; class < CLASSES; class ++) {
		for (unsigned want = 1; want <= SLAB_MAX_PAGES; want++) {
			unsigned pages = class_slab_pages(class, want);
			size_t size = class_size(class), tail = pages * PAGE_SIZE % size;
			assert_in_range(pages, 1, SLAB_MAX_PAGES);
			assert_in_range(pages * PAGE_SIZE / size, 1, SLAB_MAX_SLOTS);
			assert_true(size <= 512 ? tail < PAGE_SIZE / 8 : tail == 0);
			assert_true(slab_record_size((unsigned)(pages * PAGE_SIZE / size), (unsigned)pages) <=
			            256);
		}
	}
}

/* Of the powers of two that the heap asks for: more than half of it, unless the slots would be too many; more
 * than it only when the shortest run of whole slots is longer. */
TEST(slab_pages_are_near_what_was_wanted) {
	for (unsigned class = 1; class < CLASSES; class ++) {
		for (unsigned want = 1; want <= SLAB_MAX_PAGES; want *= 2) {
			unsigned pages = class_slab_pages(class, want);
			bool slots_bound = 2 * pages * PAGE_SIZE / class_size(class) > SLAB_MAX_SLOTS;
			assert_true(2 * pages > want || slots_bound);
			if (pages > want)
				for (unsigned fewer = 1; fewer < pages; fewer++)
					assert_int_not_equal(fewer * PAGE_SIZE % class_size(class), 0);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(class_is_the_smallest_that_holds_the_size),
	        cmocka_unit_test(sizes_are_quanta_and_rise),
	        cmocka_unit_test(slack_is_below_a_quantum_or_one_step),
	        cmocka_unit_test(aligned_class_is_the_smallest_whose_slots_are_aligned),
	        cmocka_unit_test(no_class_beyond_the_limits),
	        cmocka_unit_test(slab_pages_waste_little_and_stay_in_bounds),
	        cmocka_unit_test(slab_pages_are_near_what_was_wanted),
	};
	return RUN(tests);
}

/* pagemap.c: address bits 47 … 21, misses, ranges over the borders of leaves, and threads that make one
 * leaf. The addresses are only numbers here: nothing is mapped there. */
#include "unit.h"

#include "ground/pagemap.h"

#include <pthread.h>

enum { BITS_FROM = CHUNK_SHIFT, BITS_TO = ADDRESS_BITS };

static struct owner owners[64];
static void *at(uintptr_t address) { return (void *)address; }
static uintptr_t bit(unsigned n) { return (uintptr_t)1 << n; }

TEST(nothing_is_registered_at_first) {
	for (unsigned n = 0; n < 64; n++) {
		assert_null(pagemap_owner(at(bit(n))));
		assert_int_equal(pagemap_class(at(bit(n))), 0);
	}
	assert_null(pagemap_owner(NULL));
	assert_int_equal(pagemap_class(NULL), 0);
	assert_null(pagemap_owner(owners));
	assert_int_equal(pagemap_class(owners), 0);
}

TEST(a_leaf_is_fenced) {
	assert_true(pagemap_set_owner(at(bit(40)), CHUNK_SIZE, owners));
	struct leaf *leaf = pagemap_leaf(at(bit(40)));
	assert_true(is_fence((char *)leaf - 1));
	assert_true(is_fence((char *)(leaf + 1) + sysconf(_SC_PAGESIZE) - 1));
	pagemap_clear_owner(at(bit(40)), CHUNK_SIZE);
}

TEST(every_address_bit_counts) {
	for (unsigned n = BITS_FROM; n < BITS_TO; n++)
		assert_true(pagemap_set_owner(at(bit(n)), CHUNK_SIZE, &owners[n]));
	for (unsigned n = BITS_FROM; n < BITS_TO; n++) {
		assert_ptr_equal(pagemap_owner(at(bit(n))), &owners[n]);
		assert_ptr_equal(pagemap_owner(at(bit(n) + CHUNK_SIZE / 2 + 1)), &owners[n]);
		assert_ptr_equal(pagemap_owner(at(bit(n) + CHUNK_SIZE - 1)), &owners[n]);
		assert_null(pagemap_owner(at(bit(n) + 5 * CHUNK_SIZE))); /* no power of two */
	}
	for (unsigned n = BITS_FROM; n < BITS_TO; n++) {
		pagemap_clear_owner(at(bit(n)), CHUNK_SIZE);
		for (unsigned other = BITS_FROM; other < BITS_TO; other++)
			assert_ptr_equal(pagemap_owner(at(bit(other))), other > n ? &owners[other] : NULL);
	}
}

TEST(a_class_lies_on_its_pages_alone) {
	enum { FIRST = 7, PAGES = 3 };
	for (unsigned n = BITS_FROM; n < BITS_TO; n++) {
		assert_true(pagemap_set_owner(at(bit(n)), CHUNK_SIZE, &owners[n]));
		pagemap_set_class(at(bit(n) + FIRST * PAGE_SIZE), PAGES, n);
	}
	for (unsigned n = BITS_FROM; n < BITS_TO; n++) {
		uintptr_t from = bit(n) + FIRST * PAGE_SIZE, to = from + PAGES * PAGE_SIZE;
		assert_int_equal(pagemap_class(at(from - 1)), 0);
		assert_int_equal(pagemap_class(at(from)), n);
		assert_int_equal(pagemap_class(at(to - 1)), n);
		assert_int_equal(pagemap_class(at(to)), 0);
		pagemap_set_class(at(from), PAGES, 0);
		assert_int_equal(pagemap_class(at(from)), 0);
		pagemap_clear_owner(at(bit(n)), CHUNK_SIZE);
	}
}

TEST(addresses_no_program_has_are_a_miss) {
	const uintptr_t high[] = {bit(48), bit(48) + 4096, bit(63), UINTPTR_MAX, 0xffff800000000000};
	assert_true(pagemap_set_owner(at(bit(48) - CHUNK_SIZE), CHUNK_SIZE, &owners[0]));
	assert_ptr_equal(pagemap_owner(at(bit(48) - 1)), &owners[0]);
	for (size_t i = 0; i < sizeof high / sizeof *high; i++) {
		assert_null(pagemap_owner(at(high[i])));
		assert_int_equal(pagemap_class(at(high[i])), 0);
	}
	pagemap_clear_owner(at(bit(48) - CHUNK_SIZE), CHUNK_SIZE);
}

TEST(a_range_beyond_the_last_address_is_refused_whole) {
	uintptr_t from = bit(48) - CHUNK_SIZE;
	assert_false(pagemap_set_owner(at(from), 2 * CHUNK_SIZE, &owners[0]));
	assert_null(pagemap_owner(at(from)));
	assert_false(pagemap_set_owner(at(bit(48)), CHUNK_SIZE, &owners[0]));
}

TEST(ranges_cross_the_borders_of_leaves) {
	static const size_t before_border[] = {0, 1, 2, 2047, 2048, 2049};
	static const size_t lengths[] = {1, 2, 3, 2048, 2049, 4097};
	uintptr_t border = 9 * bit(LEAF_SHIFT);
	for (size_t i = 0; i < sizeof before_border / sizeof *before_border; i++) {
		for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
			uintptr_t from = border - before_border[i] * CHUNK_SIZE,
			          size = lengths[k] * CHUNK_SIZE;
			assert_true(pagemap_set_owner(at(from), size, &owners[1]));
			for (uintptr_t chunk = from; chunk < from + size; chunk += CHUNK_SIZE)
				assert_ptr_equal(pagemap_owner(at(chunk)), &owners[1]);
			assert_null(pagemap_owner(at(from - 1)));
			assert_null(pagemap_owner(at(from + size)));
			pagemap_clear_owner(at(from), size);
			assert_null(pagemap_owner(at(from)));
			assert_null(pagemap_owner(at(from + size - 1)));
		}
	}
}

TEST(a_range_that_ends_at_a_border_makes_no_leaf_beyond) {
	uintptr_t border = 77 * bit(LEAF_SHIFT);
	assert_true(pagemap_set_owner(at(border - CHUNK_SIZE), CHUNK_SIZE, &owners[1]));
	assert_non_null(pagemap_leaf(at(border - 1)));
	assert_null(pagemap_leaf(at(border)));
	assert_null(pagemap_leaf(at(border - bit(LEAF_SHIFT) - 1)));
	pagemap_clear_owner(at(border - CHUNK_SIZE), CHUNK_SIZE);
}

/* ---- threads that make the same leaf ---- */

enum { THREADS = 4, LEAVES = 24 };
static pthread_barrier_t barrier;

static void *set_in_every_leaf(void *argument) {
	uintptr_t n = (uintptr_t)argument;
	for (uintptr_t leaf = 0; leaf < LEAVES; leaf++) {
		pthread_barrier_wait(&barrier);
		uintptr_t address = (0x100 + leaf) * bit(LEAF_SHIFT) + n * CHUNK_SIZE;
		if (!pagemap_set_owner(at(address), CHUNK_SIZE, &owners[n]))
			return NULL;
	}
	return argument;
}

TEST(threads_that_make_one_leaf_agree_on_it) {
	pthread_t threads[THREADS];
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, set_in_every_leaf, (void *)(i + 1)), 0);
	for (uintptr_t i = 0; i < THREADS; i++) {
		void *result;
		pthread_join(threads[i], &result);
		assert_ptr_equal(result, (void *)(i + 1));
	}
	for (uintptr_t leaf = 0; leaf < LEAVES; leaf++)
		for (uintptr_t n = 1; n <= THREADS; n++)
			assert_ptr_equal(pagemap_owner(at((0x100 + leaf) * bit(LEAF_SHIFT) + n * CHUNK_SIZE)),
			                 &owners[n]);
	pthread_barrier_destroy(&barrier);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nothing_is_registered_at_first),
	        cmocka_unit_test(every_address_bit_counts),
	        cmocka_unit_test(a_class_lies_on_its_pages_alone),
	        cmocka_unit_test(addresses_no_program_has_are_a_miss),
	        cmocka_unit_test(a_range_beyond_the_last_address_is_refused_whole),
	        cmocka_unit_test(ranges_cross_the_borders_of_leaves),
	        cmocka_unit_test(a_range_that_ends_at_a_border_makes_no_leaf_beyond),
	        cmocka_unit_test(threads_that_make_one_leaf_agree_on_it),
	        cmocka_unit_test(a_leaf_is_fenced),
	};
	return RUN(tests);
}

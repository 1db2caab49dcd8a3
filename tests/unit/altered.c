/* altered.c: notes against a byte a page, at the borders of words and tables; pages mapped anew, and a kernel that refuses
 * to; threads that note and free neighbouring pages. Linked with --wrap=kernel_mmap. */
#include "unit.h"

#include "ground/kernel.h"
#include "ground/altered.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

static bool refuses;  /* the kernel maps nothing over what is there */
static bool unmaps;   /* and has unmapped it before it refuses */
static unsigned over; /* mappings put over others */

long __real_kernel_mmap(void *address, size_t size, int protection, int flags, int file, long offset);
long __wrap_kernel_mmap(void *address, size_t size, int protection, int flags, int file, long offset);
long __wrap_kernel_mmap(void *address, size_t size, int protection, int flags, int file, long offset) {
	if (flags & MAP_FIXED) {
		over++;
		if (refuses && unmaps)
			kernel_munmap(address, size);
		if (refuses)
			return -ENOMEM;
	}
	return __real_kernel_mmap(address, size, protection, flags, file, offset);
}

enum { PAGES = 1000 };
/* Nothing is mapped there: the border of two tables. */
static const uintptr_t base = ((uintptr_t)3 << 40) - PAGES / 2 * PAGE_SIZE;

static uintptr_t at(size_t number) { return base + number * PAGE_SIZE; }
static void *pointer_to(size_t number) { return (void *)at(number); }

static void compare(unsigned char (*noted)[ALTERATIONS]) {
	size_t count = 0;
	for (size_t i = 0; i < PAGES; i++)
		count += (size_t)(noted[i][0] + noted[i][1]);
	assert_int_equal(altered_count, count);
	for (size_t from = 0; from < PAGES; from += 37) {
		size_t next[2] = {from, from};
		for (int wanted = 0; wanted < 2; wanted++)
			while (next[wanted] < PAGES &&
			       (noted[next[wanted]][0] || noted[next[wanted]][1]) != wanted)
				next[wanted]++;
		assert_int_equal(altered_next(at(from), at(PAGES), true), at(next[1]));
		assert_int_equal(altered_next(at(from), at(PAGES), false), at(next[0]));
		for (size_t n = 1; n < PAGES - from; n = 2 * n + 1)
			assert_int_equal(altered_in(pointer_to(from), n * PAGE_SIZE), next[1] < from + n);
	}
}

TEST(marks_are_those_of_a_byte_a_page) {
	static unsigned char noted[PAGES][ALTERATIONS];
	uint64_t seed = 3;
	assert_false(altered_in(pointer_to(0), PAGES * PAGE_SIZE));
	for (int round = 0; round < 400; round++) {
		size_t from = next_random(&seed) % PAGES, n = 1 + next_random(&seed) % 200;
		size_t end = min_size(from + n, PAGES);
		enum alteration note = next_random(&seed) % ALTERATIONS;
		bool set = next_random(&seed) % 2;
		if (set)
			assert_true(altered_set(at(from), at(end), note));
		else
			altered_clear(at(from), at(end), note);
		for (size_t i = from; i < end; i++)
			noted[i][note] = set;
		compare(noted);
	}
	altered_clear(at(0), at(PAGES), ALTERED_PROTECTION);
	altered_clear(at(0), at(PAGES), ALTERED_OTHER);
	assert_false(altered_exist());
}

TEST(only_pages_that_lie_wholly_in_a_range_count) {
	assert_true(altered_set(at(5), at(6), ALTERED_OTHER));
	char *page = pointer_to(5);
	assert_true(altered_in(page, PAGE_SIZE));
	assert_true(altered_in(page - 100, PAGE_SIZE + 101));
	assert_false(altered_in(page + 1, 2 * PAGE_SIZE));
	assert_false(altered_in(page - PAGE_SIZE, 2 * PAGE_SIZE - 1));
	assert_false(altered_in(page + 100, 50));
	altered_clear(at(5), at(6), ALTERED_OTHER);
}

/* ---- mapping anew ---- */

static char *map_pages(size_t npages) {
	return memset(os_map_fenced(npages * PAGE_SIZE), 1, npages * PAGE_SIZE);
}

static bool mark_page(char *page) {
	return altered_set((uintptr_t)page, (uintptr_t)page + PAGE_SIZE, ALTERED_OTHER);
}

TEST(marked_pages_are_mapped_anew_and_no_others) {
	char *pages = map_pages(8);
	static const size_t chosen[] = {0, 2, 3, 7};
	for (int i = 0; i < 4; i++) {
		mark_page(pages + chosen[i] * PAGE_SIZE);
		mprotect(pages + chosen[i] * PAGE_SIZE, PAGE_SIZE, PROT_NONE);
	}
	over = 0;
	assert_true(altered_renew(pages, 8 * PAGE_SIZE, ADVICE_SMALL));
	assert_int_equal(over, 3); /* one of two pages */
	assert_false(altered_exist());
	for (size_t i = 0; i < 8; i++)
		assert_true(is_filled(pages + i * PAGE_SIZE, i == 0 || i == 2 || i == 3 || i == 7 ? 0 : 1,
		                      PAGE_SIZE));
	memset(pages, 2, 8 * PAGE_SIZE);
	assert_true(altered_renew(pages, 8 * PAGE_SIZE, ADVICE_SMALL));
	assert_int_equal(over, 3);
	os_unmap(pages, 8 * PAGE_SIZE);
}

TEST(what_the_kernel_refuses_stays_marked) {
	for (int round = 0; round < 2; round++) {
		char *pages = map_pages(4);
		mark_page(pages + PAGE_SIZE);
		refuses = true;
		unmaps = round;
		assert_false(altered_renew(pages, 4 * PAGE_SIZE, ADVICE_NONE));
		refuses = false;
		assert_true(altered_in(pages + PAGE_SIZE, PAGE_SIZE));
		assert_null(os_map_at(pages + PAGE_SIZE, PAGE_SIZE)); /* the addresses are nobody else's */
		assert_true(altered_renew(pages, 4 * PAGE_SIZE, ADVICE_NONE));
		pages[PAGE_SIZE] = 1;
		assert_false(altered_exist());
		os_unmap(pages, 4 * PAGE_SIZE);
	}
}

TEST(marked_pages_are_opened) {
	char *pages = map_pages(3);
	mprotect(pages, 3 * PAGE_SIZE, PROT_NONE);
	mark_page(pages + PAGE_SIZE);
	altered_open(pages, 3 * PAGE_SIZE);
	assert_true(is_filled(pages + PAGE_SIZE, 1, PAGE_SIZE));
	altered_clear((uintptr_t)pages, (uintptr_t)pages + 3 * PAGE_SIZE, ALTERED_OTHER);
	os_unmap(pages, 3 * PAGE_SIZE);
}

/* ---- several threads ---- */

static _Atomic unsigned mistakes;

/* Notes its pages of a word that all threads share, and takes the notes away; each sees its own. */
static void *mark_own(void *number) {
	size_t own = (size_t)number * 7;
	for (int i = 0; i < 20000; i++) {
		mistakes += !altered_set(at(own), at(own + 7), (enum alteration)(i % ALTERATIONS)) ||
		            !altered_exist();
		mistakes += altered_next(at(own), at(own + 7), true) != at(own);
		altered_clear(at(own), at(own + 7), (enum alteration)(i % ALTERATIONS));
		mistakes += altered_next(at(own), at(own + 7), true) != at(own + 7);
	}
	return NULL;
}

TEST(threads_mark_neighbouring_pages) {
	pthread_t threads[4];
	for (size_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, mark_own, (void *)i);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(mistakes, 0);
	assert_int_equal(altered_count, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(marks_are_those_of_a_byte_a_page),
	        cmocka_unit_test(only_pages_that_lie_wholly_in_a_range_count),
	        cmocka_unit_test(marked_pages_are_mapped_anew_and_no_others),
	        cmocka_unit_test(what_the_kernel_refuses_stays_marked),
	        cmocka_unit_test(marked_pages_are_opened),
	        cmocka_unit_test(threads_mark_neighbouring_pages),
	};
	return RUN(tests);
}

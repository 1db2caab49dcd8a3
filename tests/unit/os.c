/* os.c: the kernel's memory calls as the engine sees them. */
#include "unit.h"

#include "ended.h"

#include "ground/os.h"

#include <pthread.h>
#include <stdatomic.h>

#define TOO_MUCH ((size_t)1 << 60)

static char *map(size_t size) { return os_map_aligned(size, os_page_size()); }

static int setup(void **state) {
	(void)state;
	errno = EXDEV; /* every function here keeps it */
	return 0;
}

static int errno_was_kept(void **state) {
	(void)state;
	return errno == EXDEV ? 0 : -1;
}

TEST(the_page_size) { assert_int_equal(os_page_size(), sysconf(_SC_PAGESIZE)); }

TEST(mapped_memory_is_zero_and_writable) {
	size_t size = 8 * os_page_size();
	char *memory = map(size);
	assert_non_null(memory);
	assert_true(is_zero(memory, size));
	memset(memory, 1, size);
	assert_true(os_unmap(memory, size));
	assert_false(is_mapped(memory, size));
}

TEST(aligned_to_any_power_of_two) {
	for (size_t align = os_page_size(); align <= (size_t)1 << 30; align *= 2) {
		size_t size = 3 * os_page_size();
		char *some[3];
		for (int i = 0; i < 3; i++) {
			some[i] = os_map_aligned(size, align);
			assert_non_null(some[i]);
			assert_int_equal((uintptr_t)some[i] % align, 0);
			memset(some[i], i + 1, size);
		}
		for (int i = 0; i < 3; i++) {
			assert_true(is_filled(some[i], i + 1, size));
			assert_true(os_unmap(some[i], size));
			assert_false(is_mapped(some[i], size));
		}
	}
}

/* The first aligned mapping of the process has no likely place and is cut out of a larger one. */
TEST(nothing_is_left_mapped_around_an_aligned_mapping) {
	NEEDS_SMALL_PAGES;
	size_t page = os_page_size();
	virtual_pages(); /* stdio has its buffer now */
	for (size_t align = (size_t)1 << 30; align >= page; align /= 8) {
		size_t before = virtual_pages();
		char *memory = os_map_aligned(3 * page, align);
		assert_int_equal(virtual_pages(), before + 3);
		os_unmap(memory, 3 * page);
		assert_int_equal(virtual_pages(), before);
	}
}

/* The kernel's pages beside the memory: it reads and writes up to them. */
TEST(fenced_memory_lies_between_pages_without_access) {
	NEEDS_SMALL_PAGES;
	size_t page = os_page_size(), size = 5 * page;
	virtual_pages();
	size_t before = virtual_pages();
	char *memory = os_map_fenced(size);
	assert_non_null(memory);
	assert_true(is_zero(memory, size));
	memset(memory, 1, size);
	assert_int_equal(virtual_pages(), before + 7);
	assert_true(is_fence(memory - 1) && is_fence(memory + size));
	assert_true(is_writable(memory) && is_writable(memory + size - 1));
	os_unmap_fenced(memory, size);
	assert_int_equal(virtual_pages(), before);
}

TEST(no_memory_is_an_answer) {
	assert_null(os_map_fenced(TOO_MUCH));
	assert_null(os_map_aligned(TOO_MUCH, CHUNK_SIZE));
	assert_null(os_map_aligned(SIZE_MAX / 2, (size_t)1 << 63));
	assert_null(os_map_aligned(PAGE_SIZE, (size_t)1 << 63));
}

TEST(a_purge_zeroes_whole_pages_and_no_others) {
	size_t page = os_page_size(), size = 6 * page;
	char *memory = map(size);
	memset(memory, 7, size);
	assert_true(os_purge(memory + page, 2 * page));
	assert_true(is_filled(memory, 7, page));
	assert_true(is_zero(memory + page, 2 * page));
	assert_true(is_filled(memory + 3 * page, 7, 3 * page));
	assert_false(os_purge(memory + 3 * page + 1, 2 * page)); /* not all of it: part of a page stays */
	assert_true(is_filled(memory + 3 * page, 7, page));
	assert_true(is_zero(memory + 4 * page, page));
	assert_true(is_filled(memory + 5 * page, 7, page));
	assert_false(os_purge(memory + 1, page - 2)); /* within a page: nothing */
	assert_true(is_filled(memory, 7, page));
	os_unmap(memory, size);
}

TEST(a_purge_of_what_is_not_mapped_fails) {
	char *memory = map(os_page_size());
	os_unmap(memory, os_page_size());
	assert_false(os_purge(memory, os_page_size()));
}

TEST(a_mapping_at_an_address_takes_nobodys_place) {
	size_t page = os_page_size();
	char *memory = map(8 * page);
	assert_null(os_map_at(memory + 2 * page, page));
	assert_true(os_unmap(memory + 2 * page, 4 * page));
	assert_null(os_map_at(memory + 2 * page, 5 * page));
	memset(memory, 9, 2 * page);
	assert_ptr_equal(os_map_at(memory + 2 * page, 4 * page), memory + 2 * page);
	assert_true(is_filled(memory, 9, 2 * page));
	assert_true(is_zero(memory + 2 * page, 4 * page));
	os_unmap(memory, 8 * page);
}

TEST(pages_move_and_their_place_stays) {
	size_t page = os_page_size();
	char *memory = map(2 * page), *target = map(5 * page);
	memset(memory, 5, 2 * page);
	memset(target, 7, 5 * page);
	assert_true(os_move(memory, 2 * page, target));
	assert_true(is_filled(target, 5, 2 * page));
	assert_true(is_filled(target + 2 * page, 7, 3 * page));
	assert_true(is_mapped(memory, 2 * page));
	assert_true(is_zero(memory, 2 * page));
	assert_false(os_move(target, 5 * page, target + 1)); /* not a page's address */
	os_unmap(memory, 2 * page);
	os_unmap(target, 5 * page);
}

TEST(a_range_is_zeroed_whatever_of_it_is_there) {
	NEEDS_SMALL_PAGES;
	size_t size = 4 * CHUNK_SIZE + 1000;
	char *memory = map(size);
	memset(memory, 1, size);
	os_zero(memory, size);
	assert_true(is_zero(memory, size));
	assert_true(resident_pages(memory, size) > size / PAGE_SIZE / 2); /* written */
	assert_true(os_purge(memory, 4 * CHUNK_SIZE));
	memory[3 * CHUNK_SIZE] = memory[5] = memory[size - 1] = 1;
	os_zero(memory, size);
	assert_true(resident_pages(memory, size) < 10); /* given back */
	assert_true(is_zero(memory, size));
	os_unmap(memory, size);
}

TEST(mapping_and_unmapping_does_not_wander) {
	char *first = os_map_aligned(CHUNK_SIZE, CHUNK_SIZE);
	os_unmap(first, CHUNK_SIZE);
	for (int i = 0; i < 20; i++) {
		char *memory = os_map_aligned(CHUNK_SIZE, CHUNK_SIZE);
		assert_ptr_equal(memory, first);
		os_unmap(memory, CHUNK_SIZE);
	}
}

TEST(huge_pages_are_advice) {
	char *memory = os_map_aligned(CHUNK_SIZE, CHUNK_SIZE);
	os_huge_pages(memory, CHUNK_SIZE, ADVICE_HUGE);
	memory[0] = 1;
	os_huge_pages(memory, CHUNK_SIZE, ADVICE_SMALL);
	memory[CHUNK_SIZE - 1] = 1;
	os_unmap(memory, CHUNK_SIZE);
	os_huge_pages(memory, CHUNK_SIZE,
	              ADVICE_HUGE); /* no memory there: nothing happens, errno least of all */
}

static _Atomic uint64_t its; /* of the other thread */
static atomic_int its_id;
static atomic_bool may_end;

static void *name_itself(void *argument) {
	its = os_thread();
	its_id = thread_id();
	while (!may_end)
		usleep(1000);
	return argument;
}

TEST(a_thread_has_ended_when_the_kernel_has_forgotten_it) {
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, name_itself, NULL), 0);
	while (!its_id)
		usleep(1000);
	assert_int_equal(its >> OS_ID_BITS, getpid());
	assert_int_equal(its & ((1 << OS_ID_BITS) - 1), its_id);
	assert_false(os_has_ended(its));
	may_end = true;
	pthread_join(thread, NULL);
	wait_until_ended(its_id);
	errno = EXDEV;
	assert_true(os_has_ended(its));
	assert_false(os_has_ended(its + ((uint64_t)1 << OS_ID_BITS))); /* of the next process */
}

TEST(a_leader_does_not_end) {
	int status;
	assert_int_equal(os_thread(), OS_LEADER);
	pid_t child = vfork();
	if (child == 0) /* nor is a thread of the parent its own, to be judged */
		_exit(os_thread() == OS_LEADER && !os_has_ended(its) ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(exited_well(status));
	assert_false(os_has_ended(OS_LEADER));
	assert_false(os_is_single_threaded());
}

TEST(the_clock_does_not_run_back) {
	uint64_t before = os_milliseconds();
	usleep(30000);
	uint64_t after = os_milliseconds();
	assert_true(after > before);
	assert_true(after - before < 60000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, errno_was_kept)

int main(void) {
	const struct CMUnitTest tests[] = {
	        CASE(nothing_is_left_mapped_around_an_aligned_mapping),
	        CASE(the_page_size),
	        CASE(mapped_memory_is_zero_and_writable),
	        CASE(aligned_to_any_power_of_two),
	        CASE(fenced_memory_lies_between_pages_without_access),
	        CASE(no_memory_is_an_answer),
	        CASE(a_purge_zeroes_whole_pages_and_no_others),
	        CASE(a_purge_of_what_is_not_mapped_fails),
	        CASE(a_mapping_at_an_address_takes_nobodys_place),
	        CASE(pages_move_and_their_place_stays),
	        CASE(a_range_is_zeroed_whatever_of_it_is_there),
	        CASE(mapping_and_unmapping_does_not_wander),
	        CASE(huge_pages_are_advice),
	        CASE(a_thread_has_ended_when_the_kernel_has_forgotten_it),
	        CASE(a_leader_does_not_end),
	        CASE(the_clock_does_not_run_back),
	};
	return RUN(tests);
}

/* watch.c: blocks whose pages were changed, and a kernel that refuses to map them anew: what it refuses is never used
 * again, and the rest of the heap is as it was. Linked with --wrap=kernel_mmap. */
#include "unit.h"

#include "back/chunk.h"
#include "back/large.h"
#include "front/malloc.h"
#include "ground/kernel.h"
#include "guard/watch.h"

#include <errno.h>
#include <sys/mman.h>

#define MB ((size_t)1 << 20)

static bool refuses; /* the kernel maps nothing readable over what is there */

long __real_kernel_mmap(void *address, size_t size, int protection, int flags, int file, long offset);
long __wrap_kernel_mmap(void *address, size_t size, int protection, int flags, int file, long offset);
long __wrap_kernel_mmap(void *address, size_t size, int protection, int flags, int file, long offset) {
	if (refuses && flags & MAP_FIXED && protection != PROT_NONE)
		return -ENOMEM;
	return __real_kernel_mmap(address, size, protection, flags, file, offset);
}

static void check(void) {
	lock_take(&chunk_lock);
	int broken = chunk_check();
	lock_release(&chunk_lock);
	assert_int_equal(broken, 0);
	assert_true(pool_check());
	for (unsigned class = 1; class < CLASSES; class ++)
		assert_true(central_check(class));
}

/* Takes the access from a block's whole pages, as the wrapper of mprotect does. */
static void close_pages(char *block, size_t size) {
	assert_true(watch_note(block, size, ALTERED_PROTECTION));
	assert_int_equal(mprotect(block, size, PROT_NONE), 0);
}

/* Whether one of many blocks of a size lies in a range; all are written to. */
static bool is_had_again(const char *old, size_t range, size_t size) {
	enum { MOST = 3000 };
	static char *blocks[MOST];
	size_t n = 0;
	bool again = false;
	for (; n < MOST && n * size < 20 * MB + 3 * range; n++) {
		memset(blocks[n] = allocate(size), 1, size);
		again |= blocks[n] < old + range && old < blocks[n] + size;
	}
	while (n-- > 0)
		release(blocks[n]);
	return again;
}

static const size_t sizes[] = {40000, 200000, 2 * MB, 5 * MB};

TEST(what_is_not_the_heaps_is_not_marked) {
	char *mapped = mmap(NULL, 8 * MB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_false(watch_has(mapped, 8 * MB));
	assert_false(watch_has(NULL, 0));
	assert_false(watch_has(mapped, SIZE_MAX));
	assert_false(watch_has((void *)UINTPTR_MAX, 1));
	assert_true(watch_note(mapped, 8 * MB, ALTERED_OTHER));
	assert_false(altered_exist());
	munmap(mapped, 8 * MB);
}

TEST(a_range_is_the_heaps_where_a_part_of_it_is) {
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *block = allocate(sizes[i]);
		assert_true(watch_has(block, 1));
		assert_true(watch_has(block + sizes[i] - 1, 1));
		assert_true(watch_has(block - 100 * MB, 100 * MB + 1));
		assert_true(watch_has((void *)PAGE_SIZE, (uintptr_t)block)); /* all below it too */
		assert_false(altered_exist());
		release(block);
	}
}

TEST(a_freed_block_has_access_again) {
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *block = allocate(sizes[i]);
		close_pages(block, sizes[i]);
		errno = 12345;
		release(block);
		assert_int_equal(errno, 12345);
		assert_false(altered_exist());
		check();
		assert_true(is_had_again(block, sizes[i], sizes[i]));
	}
	trim();
	assert_int_equal(chunk_count().chunks, 0);
}

TEST(what_cannot_be_mapped_anew_is_never_used_again) {
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *block = allocate(sizes[i]);
		close_pages(block + PAGE_SIZE, PAGE_SIZE);
		refuses = true;
		release(block);
		refuses = false;
		assert_true(altered_in(block, sizes[i]));
		check();
		for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
			assert_false(is_had_again(block, sizes[i], sizes[k]));
		assert_false(is_had_again(block, sizes[i], 1000));
		trim();
		check();
		release(block); /* freed again it is tried again */
		assert_false(altered_exist());
	}
	trim();
	assert_int_equal(chunk_count().chunks, 0);
	assert_int_equal(large_count().live, 0);
}

TEST(a_block_that_grows_or_shrinks_leaves_its_pages) {
	for (size_t i = 1; i < sizeof sizes / sizeof *sizes; i++) {
		for (int shrinks = 0; shrinks < 2; shrinks++) {
			char *block = memset(allocate(sizes[i]), 3, sizes[i]);
			assert_true(watch_note(block, sizes[i], ALTERED_OTHER));
			assert_int_equal(madvise(block, bytes_to_pages(sizes[i]) * PAGE_SIZE, MADV_DONTFORK),
			                 0);
			size_t size = shrinks ? sizes[i] / 2 : 2 * sizes[i];
			char *moved = reallocate(block, size);
			assert_ptr_not_equal(moved, block);
			assert_true(is_filled(moved, 3, min_size(size, sizes[i])));
			assert_false(altered_exist());
			release(moved);
			check();
		}
	}
}

/* Slots share their pages: these are mapped anew when none of them is taken. */
TEST(pages_of_slots_are_mapped_anew_when_they_are_free) {
	enum { N = 200 };
	static char *slots[N];
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < N; i++)
			slots[i] = allocate(1000);
		char *page = (char *)((uintptr_t)slots[N / 2] & ~(PAGE_SIZE - 1));
		assert_true(watch_note(page, PAGE_SIZE, ALTERED_OTHER));
		for (int i = 0; i < N; i++)
			release(slots[i]);
		refuses = round == 1;
		trim();
		refuses = false;
		assert_int_equal(altered_exist(), round == 1);
		check();
		if (round == 1) /* its slab is never used again */
			assert_false(is_had_again(page, PAGE_SIZE, 1000));
	}
}

TEST(an_unmapped_part_stays_the_blocks) {
	char *block = allocate(5 * MB);
	assert_int_equal(watch_unmap(block + MB, 2 * MB), 0);
	assert_null(os_map_at(block + MB, 2 * MB));
	assert_int_equal(watch_unmap(block + 1, PAGE_SIZE), -EINVAL);
	assert_int_equal(watch_unmap(block, 0), -EINVAL);
	release(block);
	assert_false(altered_exist());
	assert_true(is_had_again(block, 5 * MB, 5 * MB));
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_not_the_heaps_is_not_marked),
	        cmocka_unit_test(a_range_is_the_heaps_where_a_part_of_it_is),
	        cmocka_unit_test(a_freed_block_has_access_again),
	        cmocka_unit_test(what_cannot_be_mapped_anew_is_never_used_again),
	        cmocka_unit_test(a_block_that_grows_or_shrinks_leaves_its_pages),
	        cmocka_unit_test(an_unmapped_part_stays_the_blocks),
	        cmocka_unit_test(pages_of_slots_are_mapped_anew_when_they_are_free),
	};
	return RUN(tests);
}

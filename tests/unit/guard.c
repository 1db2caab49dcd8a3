/* guard.c: blocks with a frame, in both modes: content, alignment, growth, quarantine, random slots, no
 * memory. Linked with --wrap for the calls of os.h that can fail. */
#include "unit.h"

#include "wrong.h"

#include "back/chunk.h"
#include "ground/config.h"
#include "guard/guard.h"
#include "middle/central.h"
#include "guard/misuse.h"
#include "ground/os.h"
#include "middle/slab.h"

#include <stdatomic.h>

#define MB ((size_t)1 << 20)

/* ---- the kernel, which may refuse ---- */

static bool no_memory, no_mappings; /* os_map_fenced and its kin; os_open and os_close */

#define WRAPPED(type, name, parameters, arguments, refused)                                                  \
	type __real_##name parameters;                                                                       \
	type __wrap_##name parameters;                                                                       \
	type __wrap_##name parameters { return refused ? 0 : __real_##name arguments; }

WRAPPED(void *, os_map_fenced, (size_t size), (size), no_memory)
WRAPPED(void *, os_map_aligned, (size_t size, size_t align), (size, align), no_memory)
WRAPPED(void *, os_map_at, (void *address, size_t size), (address, size), no_memory)
WRAPPED(bool, os_open, (void *address, size_t size), (address, size), no_mappings)
WRAPPED(bool, os_close, (void *address, size_t size), (address, size), no_mappings)

static void begin(bool hardened, bool debug) {
	guard_trim();
	config.hardened = hardened;
	config.debug = debug;
	assert_true(guard_begin(false));
}

static char *take(size_t size, size_t align, enum family family) {
	return guard_take(size, size, align, family);
}

static const size_t sizes[] = {0,    1,     8,     16,     24,     48,      100,     1000,    4096,
                               5000, 32700, 32768, 100000, 999999, 1048576, 1100000, 3000000, 5000001};
#define NSIZES (sizeof sizes / sizeof *sizes)

/* ---- blocks ---- */

static void use(size_t size, size_t align) {
	char *block = take(size, align, BY_MALLOC);
	assert_non_null(block);
	assert_int_equal((uintptr_t)block % align, 0);
	assert_int_equal((uintptr_t)block % 16, 0);
	assert_int_equal(guard_size("malloc_usable_size", block), size);
	assert_true(is_zero(block, size));
	memset(block, 0xff, size);
	guard_put(block, BY_MALLOC, size);
}

static void use_all(bool hardened, bool debug) {
	begin(hardened, debug);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < NSIZES; i++)
			for (size_t align = 1; align <= 4 * MB; align *= 2)
				use(sizes[i], align);
		guard_trim(); /* what was used before is used again */
	}
}

TEST(blocks_are_aligned_sized_and_zero) {
	use_all(true, false);
	use_all(false, true);
	use_all(true, true);
}

/* Whether the kernel may read a byte there. */
static bool is_readable(const char *at) {
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	bool readable = write(ends[1], at, 1) == 1;
	close(ends[0]), close(ends[1]);
	return readable;
}

static void grow(size_t size, size_t room, size_t step) {
	char *block = guard_take(size, room, 16, BY_MALLOC);
	assert_non_null(block);
	memset(block, 0xff, size);
	for (size_t next = size + step; next <= room; next += step) {
		assert_ptr_equal(guard_resize(block, next), block);
		assert_int_equal(guard_size("realloc", block), next);
		assert_true((unsigned char)block[0] == 0xff && memcmp(block, block + 1, size - 1) == 0);
		assert_true(is_zero(block + size, next - size));
		assert_true(is_readable(block + next - 1));
		assert_true(!config.hardened || !is_readable(block + next + os_page_size() - 1));
		memset(block + size, 0xff, next - size);
		size = next;
	}
	assert_null(guard_resize(block, 2 * room));
	assert_null(guard_resize(block, size / 2 - 1));
	assert_int_equal(guard_size("realloc", block), size);
	guard_put(block, BY_MALLOC, size);
}

TEST(a_block_grows_in_its_room) {
	for (int hardened = 0; hardened < 2; hardened++) {
		begin(hardened, !hardened);
		grow(40000, 60000, 1);
		grow(40000, 60000, 700);
		grow(100000, 150000, 4096);
		grow(3000000, 4500000, 99999);
	}
}

TEST(a_block_stays_when_its_room_cannot_be_opened) {
	NEEDS_SMALL_PAGES;
	begin(true, false);
	char *block = guard_take(40000, 60000, 16, BY_MALLOC);
	no_mappings = true;
	void *resized = guard_resize(block, 50000);
	no_mappings = false;
	assert_null(resized);
	assert_int_equal(guard_size("realloc", block), 40000);
	assert_ptr_equal(guard_resize(block, 50000), block);
	guard_put(block, BY_MALLOC, 50000);
}

TEST(what_an_alignment_leaves_over_is_not_touched) {
	for (int hardened = 0; hardened < 2; hardened++) {
		begin(hardened, !hardened);
		chunk_trim(); /* what the pool has may be there */
		char *block = take(100, 64 * MB, BY_MALLOC);
		assert_non_null(block);
		char *page = block - (uintptr_t)block % os_page_size();
		assert_true(resident_pages(page - 32 * MB, 64 * MB) < 16 * os_page_size() / PAGE_SIZE);
		guard_put(block, BY_MALLOC, 0);
		guard_trim();
	}
}

TEST(what_is_written_into_free_pages_reaches_no_block) {
	for (int hardened = 0; hardened < 2; hardened++) {
		begin(hardened, !hardened);
		void *neighbour = take(40000, 16, BY_MALLOC); /* so that the chunk stays */
		char *block = take(40000, 16, BY_MALLOC);
		guard_put(block, BY_MALLOC, 0);
		guard_trim();
		memset(block, 0xff, 40000);
		char *again = take(40000, 16, BY_MALLOC);
		assert_ptr_equal(again, block);
		assert_true(is_zero(again, 40000));
		guard_put(again, BY_MALLOC, 0);
		guard_put(neighbour, BY_MALLOC, 0);
	}
}

TEST(neighbours_do_not_overlap) {
	static char *blocks[3000];
	begin(true, false);
	for (size_t i = 0; i < 3000; i++) {
		blocks[i] = take(i % 200, 16, BY_MALLOC);
		memset(blocks[i], (int)(i % 255 + 1), i % 200);
	}
	for (size_t i = 0; i < 3000; i++) {
		assert_true(is_filled(blocks[i], (int)(i % 255 + 1), i % 200));
		guard_put(blocks[i], BY_MALLOC, i % 200);
	}
}

/* ---- the quarantine ---- */

static size_t taken_slots(unsigned class) {
	struct central_totals totals = central_count(class);
	return totals.slots - totals.free_slots;
}

static void churn(size_t size, size_t times) {
	for (size_t i = 0; i < times; i++)
		guard_put(take(size, 16, BY_MALLOC), BY_MALLOC, 0);
}

TEST(the_quarantine_is_bounded) {
	unsigned class = class_of(100 + 16 + 8);
	begin(true, false);
	assert_int_equal(taken_slots(class), 0);
	churn(100, 20000);
	assert_in_range(taken_slots(class), 3500, 4096); /* 20000 draws leave few places empty */
	churn(20000, 5000);
	unsigned larger = class_of(20000 + 16 + 8);
	assert_in_range(taken_slots(larger) * 20000, 4 * MB, 8 * MB);
	churn(100000, 2000);
	assert_true(chunk_count().used_pages < 257 * 28 + (8 * MB >> PAGE_SHIFT) * 2);
	assert_true(guard_trim());
	assert_int_equal(taken_slots(class) + taken_slots(larger), 0);
	assert_false(guard_trim());
}

/* ---- chance ---- */

TEST(the_nth_free_slot_is_taken) {
	static _Alignas(64) char record[1024];
	struct slab *slab = (struct slab *)(void *)record;
	char *base = (char *)(8 * MB);
	uint64_t seed = 7;
	bool taken[204] = {false};
	slab_init(slab, base, 80, 4, 0);
	assert_int_equal(slab->nslots, 204);
	assert_true(slab_record_size(204, 16) <= sizeof record);
	for (int step = 0; step < 5000; step++) {
		unsigned back = next_random(&seed) % 204, slot = 0;
		if (taken[back]) {
			assert_int_equal(slab_put(slab, base + back * 80), SLAB_OK);
			taken[back] = false;
		}
		unsigned n = next_random(&seed) % slab->nfree;
		for (unsigned left = n; taken[slot] || left-- > 0;) /* the slow way */
			slot++;
		assert_ptr_equal(slab_take_nth(slab, n), base + slot * 80);
		taken[slot] = true;
		assert_true(slab_check(slab));
	}
}

TEST(random_slots_are_spread_and_distinct) {
	static char *slots[400];
	unsigned class = class_of(640), descents = 0;
	for (size_t i = 0; i < 400; i++) {
		slots[i] = central_take_random(class, i * 0x9e3779b97f4a7c15 >> 7);
		assert_non_null(slots[i]);
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(slots[i], slots[j]);
		descents += i > 0 && slots[i] < slots[i - 1];
	}
	assert_in_range(descents, 100, 300);
	assert_true(central_check(class));
	for (size_t i = 0; i < 400; i++)
		assert_null(flush_slots(class, (void *const *)&slots[i], 1).slot);
}

/* ---- no memory ---- */

TEST(without_memory_there_is_no_block) {
	static void *blocks[4096];
	size_t n = 0;
	begin(true, false);
	chunk_trim();
	no_memory = true;
	assert_null(take(600 * MB, 16, BY_MALLOC));
	while (n < 4096 && (blocks[n] = take(30000, 16, BY_MALLOC)))
		n++;
	assert_true(n < 4096);
	assert_null(take(100000, 65536, BY_MALLOC));
	no_memory = false;
	void *block = take(30000, 16, BY_MALLOC);
	assert_non_null(block);
	guard_put(block, BY_MALLOC, 0);
	while (n > 0)
		guard_put(blocks[--n], BY_MALLOC, 0);
}

TEST(without_mappings_there_are_no_guard_pages) {
	begin(true, false);
	no_mappings = true;
	for (size_t i = 0; i < NSIZES; i++)
		use(sizes[i], 16);
	no_mappings = false;
	guard_trim();
}

TEST(pages_that_cannot_be_opened_are_not_used_again) {
	begin(true, false);
	churn(100000, 50);
	size_t before = chunk_count().used_pages;
	no_mappings = true;
	guard_trim();
	no_mappings = false;
	assert_int_equal(chunk_count().used_pages, before);
	for (int i = 0; i < 100; i++)
		use(100000, 16);
}

/* ---- before the start, and misuse ---- */

static void start_late(void *unused) {
	(void)unused;
	static void *slots[100];
	unsigned class = class_of(100 + 16 + 8);
	config.hardened = false;
	unsigned n = central_refill(class, slots, 100);
	for (unsigned i = 0; i < n; i++)
		memset(slots[i], 0xff, class_size(class));
	if (n < 2 || flush_slots(class, slots + 1, n - 1).slot)
		_exit(4);
	struct span span = chunk_take(64, 0);
	memset(span.base, 0xff, 64 * PAGE_SIZE);
	chunk_put(span.chunk, span.base, UINT16_MAX);
	config.hardened = true;
	if (!guard_begin(true) || guard_size("realloc", slots[0]) != class_size(class))
		_exit(1);
	for (int i = 0; i < 5000; i++)
		if (!is_zero(take(100, 16, BY_MALLOC), 100))
			_exit(2);
	guard_put(slots[0], BY_MALLOC, 0);
	if (!is_zero(slots[0], class_size(class)))
		_exit(3);
}

TEST(blocks_from_before_the_start_are_known) { assert_true(exited_well(status_of(start_late, NULL))); }

static void free_twice(void *size) {
	void *block = take(*(size_t *)size, 16, BY_NEW);
	guard_put(block, BY_NEW, 0);
	guard_put(block, BY_NEW, 0);
}
static void free_with_wrong_size(void *size) {
	guard_put(take(*(size_t *)size, 16, BY_NEW), BY_NEW, *(size_t *)size + 1);
}

/* ---- what is written where there is no block ---- */

static void past_a_grown_block(void *unused) {
	(void)unused;
	char *block = guard_take(40000, 60000, 16, BY_MALLOC);
	if (guard_resize(block, 50000) != block)
		_exit(1);
	block[50000] ^= 1;
	guard_resize(block, 50001);
}

/* Alters one byte, `offset` from the start of a block of 100 bytes, before or after its free, and goes on
 * until all has been looked at. */
static void beside_a_slot(ptrdiff_t offset, bool freed) {
	char *block = take(100, 16, BY_MALLOC);
	if (freed)
		guard_put(block, BY_MALLOC, 0);
	block[offset] ^= 1;
	if (!freed)
		guard_put(block, BY_MALLOC, 0);
	guard_trim();
}
static void inside_the_tail(void *unused) { (void)unused, beside_a_slot(103, false); }
static void the_header_of_a_freed_slot(void *unused) { (void)unused, beside_a_slot(-16, true); }
static void the_canary_of_a_freed_slot(void *unused) { (void)unused, beside_a_slot(101, true); }

static void a_free_slot(void *unused) {
	(void)unused;
	char *block = take(100, 16, BY_MALLOC);
	guard_put(block, BY_MALLOC, 0);
	guard_trim();
	block[50] ^= 1;
	for (int i = 0; i < 10000; i++)
		take(100, 16, BY_MALLOC);
}

static void free_of_the_tail(void *unused) {
	(void)unused;
	guard_put(take(16, 16, BY_MALLOC) + 16, BY_MALLOC, 0);
}

TEST(every_wrong_byte_is_told) {
	static const struct {
		void (*act)(void *);
		const char *told;
	} cases[] = {
	        {past_a_grown_block, "written past its end, at byte 50000: a block of 50000 bytes"},
	        {inside_the_tail, "written past its end, at byte 103: a block of 100 bytes"},
	        {the_header_of_a_freed_slot, "written after it was freed, at "},
	        {the_canary_of_a_freed_slot, "written after it was freed, at "},
	        {a_free_slot, "a free slot of 128 bytes was written to, at its byte 66 "},
	        {free_of_the_tail, "beside a block of 16 bytes"},
	};
	struct capture capture;
	begin(true, false);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		capture_begin(&capture);
		int status = status_of(cases[i].act, NULL);
		capture_end(&capture);
		assert_true(was_aborted(status));
		assert_non_null(strstr(capture.text, cases[i].told));
	}
}

TEST(misuse_is_fatal) {
	struct capture capture;
	begin(true, false);
	for (size_t i = 0; i < NSIZES; i++) {
		size_t size = sizes[i];
		capture_begin(&capture);
		int twice = status_of(free_twice, &size), wrong = status_of(free_with_wrong_size, &size);
		capture_end(&capture);
		assert_true(was_aborted(twice));
		assert_true(was_aborted(wrong));
		assert_non_null(strstr(capture.text, "already free: a block of "));
		assert_non_null(strstr(capture.text, ", freed as "));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(blocks_from_before_the_start_are_known),
	        cmocka_unit_test(blocks_are_aligned_sized_and_zero),
	        cmocka_unit_test(a_block_grows_in_its_room),
	        cmocka_unit_test(a_block_stays_when_its_room_cannot_be_opened),
	        cmocka_unit_test(what_an_alignment_leaves_over_is_not_touched),
	        cmocka_unit_test(what_is_written_into_free_pages_reaches_no_block),
	        cmocka_unit_test(neighbours_do_not_overlap),
	        cmocka_unit_test(the_quarantine_is_bounded),
	        cmocka_unit_test(the_nth_free_slot_is_taken),
	        cmocka_unit_test(random_slots_are_spread_and_distinct),
	        cmocka_unit_test(without_memory_there_is_no_block),
	        cmocka_unit_test(without_mappings_there_are_no_guard_pages),
	        cmocka_unit_test(pages_that_cannot_be_opened_are_not_used_again),
	        cmocka_unit_test(every_wrong_byte_is_told),
	        cmocka_unit_test(misuse_is_fatal),
	};
	return RUN(tests);
}

/* kernel.c: the kernel says no. Every call of os.h that an operation makes fails in turn; the operation must
 * say "no memory" or do without, and leave everything as it was. And what goes back to the kernel must be out
 * of the pagemap first, since another thread may get those addresses at once. Linked with --wrap for every
 * function of os.h below. */
#include "unit.h"

#include "wrong.h"

#include "front/cache.h"
#include "back/chunk.h"
#include "back/large.h"
#include "front/malloc.h"
#include "ground/metadata.h"
#include "ground/os.h"

#define MB ((size_t)1 << 20)

/* ---- the calls, counted, refused and watched ---- */

static unsigned calls;            /* since the last start */
static unsigned refuse_from = 1;  /* calls from this on are refused … */
static unsigned refuse_until;     /* … up to this one */
static unsigned registered_given; /* chunks that went back while they were registered */
static char *answered;            /* the target that was, until it is unmapped */
static char *next_target;         /* what os_map_aligned is to answer, once */
static bool no_leaf; /* the next os_map_fenced is refused: memory for a leaf, once next_target was answered */
static bool full;    /* nothing is mapped until something was unmapped */
static bool stuck;   /* nothing is unmapped */
static bool moves_in_pieces; /* the kernel makes nothing longer elsewhere */

static bool refused(void) {
	calls++;
	return calls >= refuse_from && calls <= refuse_until;
}

/* Addresses that are about to go back to the kernel. */
static void watch(char *address, size_t size) {
	for (char *chunk = (char *)align_up((size_t)address, CHUNK_SIZE); chunk < address + size;
	     chunk += CHUNK_SIZE)
		registered_given += pagemap_owner(chunk) != NULL;
}

#define WRAPPED(type, name, parameters)                                                                      \
	type __real_##name parameters;                                                                       \
	type __wrap_##name parameters;                                                                       \
	type __wrap_##name parameters

/* A mapping at next_target, if there is one. */
static char *map_at_target(size_t size) {
	char *target = mmap(next_target, size, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	next_target = NULL;
	answered = target;
	no_leaf = target != MAP_FAILED;
	return no_leaf ? target : NULL;
}

WRAPPED(void *, os_map_fenced, (size_t size)) {
	bool refuse_leaf = no_leaf;
	no_leaf = false;
	return refused() || refuse_leaf ? NULL : __real_os_map_fenced(size);
}
WRAPPED(void *, os_map_aligned, (size_t size, size_t align)) {
	if (refused() || full)
		return NULL;
	return next_target ? map_at_target(size) : __real_os_map_aligned(size, align);
}
WRAPPED(void *, os_map_at, (void *address, size_t size)) {
	return refused() || full ? NULL : __real_os_map_at(address, size);
}
WRAPPED(bool, os_open, (void *address, size_t size)) { return !refused() && __real_os_open(address, size); }
WRAPPED(bool, os_unmap, (void *address, size_t size)) {
	watch(address, size);
	full = false;
	if (address == answered)
		answered = NULL;
	return !refused() && !stuck && __real_os_unmap(address, size);
}
WRAPPED(void, os_unmap_fenced, (void *address, size_t size)) {
	full = false;
	__real_os_unmap_fenced(address, size);
}
WRAPPED(bool, os_purge, (void *address, size_t size)) { return !refused() && __real_os_purge(address, size); }
WRAPPED(bool, os_lengthen, (void *address, size_t size, size_t new_size)) {
	return !refused() && __real_os_lengthen(address, size, new_size);
}
WRAPPED(void *, os_move_longer, (void *address, size_t size, size_t new_size)) {
	if (refused() || moves_in_pieces)
		return NULL;
	watch(address, size);
	return __real_os_move_longer(address, size, new_size);
}
WRAPPED(bool, os_move, (void *address, size_t size, void *target)) {
	return !refused() && __real_os_move(address, size, target);
}

static void refuse(unsigned from, unsigned until) {
	calls = 0;
	refuse_from = from;
	refuse_until = until;
}
static void refuse_nothing(void) { refuse(1, 0); }

/* ---- the state ---- */

static void check(void) {
	lock_take(&chunk_lock);
	int broken = chunk_check();
	lock_release(&chunk_lock);
	assert_int_equal(broken, 0);
	assert_true(pool_check());
	for (unsigned class = 1; class < CLASSES; class ++)
		assert_true(central_check(class));
	assert_int_equal(registered_given, 0);
}

static int nothing(void **state) {
	(void)state;
	refuse_nothing();
	stuck = false;
	registered_given = 0;
	trim();
	struct chunk_totals chunk = chunk_count();
	struct large_totals large = large_count();
	return chunk.chunks == 0 && large.live == 0 && pool_count().npages == 0 ? 0 : -1;
}

/* ---- one operation, refused at every call ---- */

struct operation {
	const char *name;
	void *(*run)(size_t size); /* NULL: no memory */
	size_t size;
};

static void *run_allocate(size_t size) { return allocate(size); }
static void *run_zeroed(size_t size) { return allocate_zeroed(1, size); }
static void *run_over_retained(size_t size) {
	release(allocate(2 * MB));
	errno = 0;
	return allocate(size);
}
static void *run_aligned(size_t align) { return allocate_aligned(align, 100); }

static const struct operation operations[] = {
        {"a slot", run_allocate, 100},
        {"a slot of the largest class", run_allocate, 32768},
        {"a span", run_allocate, 100000},
        {"a span of a chunk's half", run_allocate, MB},
        {"a large block", run_allocate, 5 * MB},
        {"a large block that begins with pages of a freed one", run_over_retained, 5 * MB},
        {"a part of a freed large block", run_over_retained, MB + MB / 2},
        {"a zeroed slot", run_zeroed, 1000},
        {"a zeroed large block", run_zeroed, 3 * MB},
        {"an aligned span", run_aligned, 65536},
        {"an aligned large block", run_aligned, 16 * MB},
};

/* Whether the operation succeeded, from a state without any chunk. */
static bool try_operation(const struct operation *operation, unsigned from, unsigned until) {
	refuse(from, until);
	errno = 0;
	char *block = operation->run(operation->size);
	unsigned made = calls;
	refuse_nothing();
	assert_int_equal(errno, block ? 0 : ENOMEM);
	for (size_t i = 0; block && i < usable_size(block); i += PAGE_SIZE)
		block[i] = 1;
	check();
	release(block);
	check();
	assert_int_equal(nothing(NULL), 0);
	calls = made;
	return block != NULL;
}

TEST(one_refusal_is_an_answer_or_done_without) {
	for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
		unsigned n = 1;
		do
			try_operation(&operations[i], n, n);
		while (n++ < calls);
	}
}

TEST(no_memory_at_all_is_an_answer) {
	for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
		assert_false(try_operation(&operations[i], 1, UINT32_MAX));
		for (unsigned n = 2; !try_operation(&operations[i], n, UINT32_MAX); n++)
			assert_in_range(n, 2, 20);
		assert_true(try_operation(&operations[i], 1, 0));
	}
}

TEST(nothing_is_lost_by_refusals) {
	refuse_nothing();
	for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
		try_operation(&operations[i], 1, 0);
	size_t before = virtual_pages(), records = metadata_count().mapped;
	for (int round = 0; round < 4; round++)
		for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
			for (unsigned n = 1; n < 8; n++)
				if (operations[i].size != 16 * MB) /* its leaf depends on where it lands */
					try_operation(&operations[i], n, n);
	assert_int_equal(metadata_count().mapped, records);
	/* A block that lands in another 4 GiB than any before it makes a leaf, and leaves stay. */
	size_t more = virtual_pages() - before, leaf = bytes_to_pages(sizeof(struct leaf));
	assert_true(more % leaf == 0 && more <= 2 * leaf);
}

/* Slots of a line of their own are at hand, but no memory for a magazine to put them in. */
TEST(a_first_request_without_memory_for_a_magazine_takes_one_slot) {
	enum { CLASS = 2, RECORD = 1024 };
	struct list *records = NULL, *record;
	void *others;
	assert_int_equal(central_refill(CLASS, &others, 1), 1); /* its slab has free lines */
	release(allocate(100));                                 /* the thread has a cache */
	refuse(1, UINT32_MAX);
	for (size_t size = RECORD; size >= 16; size /= 2)
		while ((record = metadata_take(size))) {
			record->prev = (struct list *)(uintptr_t)size;
			record->next = records;
			records = record;
		}
	void *slot = allocate(class_size(CLASS));
	refuse_nothing();
	assert_non_null(slot);
	while ((record = records)) {
		records = record->next;
		metadata_put(record, (size_t)(uintptr_t)record->prev);
	}
	release(slot);
	assert_null(flush_slots(CLASS, &others, 1).slot);
	check();
}

/* ---- reallocate ---- */

enum { STRIDE = 997 };

static void fill(char *block, size_t size) {
	for (size_t i = 0; i < size; i += STRIDE)
		block[i] = (char)(i % 251);
}

static bool is_intact(const char *block, size_t size) {
	for (size_t i = 0; i < size; i += STRIDE)
		if (block[i] != (char)(i % 251))
			return false;
	return true;
}

static void try_reallocate(size_t old, size_t size) {
	unsigned made = 8;
	for (unsigned n = 1; n <= made; n++) {
		for (int lasting = 0; lasting <= 1; lasting++) {
			refuse_nothing();
			char *block = allocate(old);
			fill(block, old);
			refuse(n, lasting ? UINT32_MAX : n);
			char *moved = reallocate(block, size);
			made = calls;
			refuse_nothing();
			assert_true(is_intact(moved ? moved : block, min_size(old, size)));
			assert_true(usable_size(moved ? moved : block) >= (moved ? size : old));
			assert_true(moved || size > old); /* a block that cannot shrink still serves */
			check();
			release(moved ? moved : block);
			assert_int_equal(nothing(NULL), 0);
		}
	}
}

TEST(a_block_that_cannot_be_resized_is_as_it_was) {
	static const size_t sizes[] = {100, 5000, 40000, 600000, 3 * MB, 9 * MB};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
			try_reallocate(sizes[i], sizes[k]);
}

/* The target of a move lies in a part of the address space that has no leaf yet, and there is no memory for
 * one. */
TEST(a_move_without_memory_for_a_leaf_fails_alone) {
	char *block = allocate(3 * MB);
	fill(block, 3 * MB);
	char *wall = mmap(block + 4 * MB, PAGE_SIZE, PROT_NONE, /* behind its last chunk */
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	next_target = (char *)0x7e9000000000;
	assert_null(pagemap_leaf(next_target));
	moves_in_pieces = true;
	char *moved = reallocate(block, 40 * MB);
	moves_in_pieces = false;
	assert_null(next_target);
	assert_null(answered);
	assert_true(is_intact(moved ? moved : block, 3 * MB));
	release(moved ? moved : block);
	if (wall != MAP_FAILED)
		munmap(wall, PAGE_SIZE);
	check();
}

/* The same for a new mapping: what cannot be registered goes back to the kernel. Something that a trim gives
 * back is at hand for the large block, whose second attempt then lies elsewhere. */
TEST(a_mapping_that_cannot_be_registered_is_given_back) {
	static const size_t sizes[] = {100, 100000, 3 * MB};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *target = (char *)0x7ea000000000 + i * ((size_t)1 << LEAF_SHIFT);
		assert_null(pagemap_leaf(target));
		if (sizes[i] > MB)
			release(allocate(100000));
		next_target = target;
		char *block = allocate(sizes[i]);
		assert_null(next_target);
		assert_null(answered);
		assert_int_equal(block != NULL, sizes[i] > MB);
		assert_non_null(block = block ? block : allocate(sizes[i]));
		release(block);
		assert_int_equal(nothing(NULL), 0);
	}
}

TEST(what_is_retained_makes_room) {
	char *retained = allocate(2 * MB);
	release(retained);
	full = true;
	char *block = allocate(20 * MB);
	assert_non_null(block);
	assert_false(full);
	release(block);
}

/* ---- giving back ---- */

TEST(a_chunk_that_cannot_be_unmapped_is_kept_and_used) {
	char *blocks[8];
	for (int i = 0; i < 8; i++) {
		blocks[i] = allocate(MB);
		memset(blocks[i], 1, MB);
	}
	refuse(1, UINT32_MAX);
	for (int i = 0; i < 8; i++)
		release(blocks[i]);
	trim();
	assert_int_equal(pool_count().npages, 4 * CHUNK_PAGES);
	assert_int_equal(pool_count().ndirty, 4 * CHUNK_PAGES); /* nor were they purged */
	for (int i = 0; i < 8; i++)
		assert_non_null(blocks[i] = allocate_zeroed(1, MB)); /* while nothing can be mapped */
	refuse_nothing();
	assert_int_equal(pool_count().npages, 0);
	check();
	for (int i = 0; i < 8; i++) {
		assert_true(is_zero(blocks[i], MB));
		release(blocks[i]);
	}
}

TEST(pages_are_purged_though_no_chunk_can_be_unmapped) {
	char *blocks[20];
	for (int i = 0; i < 20; i++)
		memset(blocks[i] = allocate(MB), 1, MB);
	stuck = true;
	for (int i = 0; i < 20; i++)
		release(blocks[i]);
	trim();
	stuck = false;
	assert_int_equal(pool_count().npages, 10 * CHUNK_PAGES);
	assert_int_equal(pool_count().ndirty, 0);
	check();
}

TEST(a_large_block_that_cannot_be_unmapped_is_kept_and_used) {
	char *blocks[8];
	for (int i = 0; i < 8; i++)
		memset(blocks[i] = allocate(4 * MB), 1, 4 * MB);
	size_t before = virtual_pages(), resident = 0;
	stuck = true;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 8; i++)
			release(blocks[i]);
		trim();
		for (int i = 0; i < 8; i++)
			resident += resident_pages(blocks[i], 4 * MB);
		for (int i = 0; i < 8; i++)
			assert_non_null(blocks[i] = allocate_zeroed(1, 4 * MB));
		for (int i = 0; i < 8; i++) {
			assert_true(is_zero(blocks[i], 4 * MB));
			memset(blocks[i], 1, 4 * MB);
		}
	}
	stuck = false;
	assert_int_equal(resident, 0);
	assert_int_equal(virtual_pages(), before);
	for (int i = 0; i < 8; i++)
		release(blocks[i]);
	check();
}

/* The other runs of its batch are purged. */
TEST(a_run_that_cannot_be_purged_stays_dirty_alone) {
	enum { N = 20 };
	char *live[N], *freed[N];
	for (unsigned refused_call = 1; refused_call <= N; refused_call++) {
		for (int i = 0; i < N; i++) {
			memset(live[i] = allocate(40000), 1, 40000);
			memset(freed[i] = allocate(40000), 2, 40000);
		}
		for (int i = 0; i < N; i++)
			release(freed[i]);
		refuse(refused_call, refused_call);
		trim();
		refuse_nothing();
		check();
		for (int i = 0; i < N; i++) {
			freed[i] = allocate_zeroed(1, 40000);
			assert_true(is_zero(freed[i], 40000));
		}
		for (int i = 0; i < N; i++) {
			release(freed[i]);
			release(live[i]);
		}
	}
}

TEST(pages_that_cannot_be_purged_stay_dirty) {
	char *live[100], *freed[100];
	for (int i = 0; i < 100; i++) {
		memset(live[i] = allocate(40000), 1, 40000);
		memset(freed[i] = allocate(40000), 2, 40000);
	}
	for (int i = 0; i < 100; i++)
		release(freed[i]);
	refuse(1, UINT32_MAX);
	trim();
	refuse_nothing();
	assert_true(chunk_count().dirty_pages > 0);
	check();
	for (int i = 0; i < 100; i++) {
		freed[i] = allocate_zeroed(1, 40000);
		assert_true(is_zero(freed[i], 40000));
		assert_true(is_filled(live[i], 1, 40000));
	}
	for (int i = 0; i < 100; i++) {
		release(freed[i]);
		release(live[i]);
	}
}

TEST(empty_pages_of_slabs_that_cannot_be_purged_stay_in_use) {
	enum { N = 20000 };
	static char *blocks[N];
	for (int i = 0; i < N; i++)
		memset(blocks[i] = allocate(100), 1, 100);
	for (int i = 0; i < N; i++)
		if (i % 400)
			release(blocks[i]);
	refuse(1, UINT32_MAX);
	trim();
	refuse_nothing();
	check();
	trim();
	check();
	for (int i = 0; i < N; i += 400)
		assert_true(is_filled(blocks[i], 1, 100));
	for (int i = 0; i < N; i += 400)
		release(blocks[i]);
}

/* The slabs go, their pages still hold data, and zeroed spans come to lie there. */
TEST(pages_of_slabs_that_cannot_be_purged_are_not_taken_for_zero) {
	enum { N = 10000, SPANS = 24 };
	static char *blocks[N], *spans[SPANS];
	char *live = allocate(100000); /* its chunk stays */
	for (int i = 0; i < N; i++)
		memset(blocks[i] = allocate(100), 1, 100);
	for (int i = 0; i < N; i++)
		if (i % 400)
			release(blocks[i]);
	refuse(1, UINT32_MAX);
	trim();
	for (int i = 0; i < N; i += 400)
		release(blocks[i]);
	cache_flush_all();
	assert_null(take_wrong().slot);
	refuse_nothing();
	for (int i = 0; i < SPANS; i++)
		assert_true(is_zero(spans[i] = allocate_zeroed(1, 40000), 40000));
	for (int i = 0; i < SPANS; i++)
		release(spans[i]);
	release(live);
}

/* ---- what goes back is not registered ---- */

TEST(nothing_registered_goes_back) {
	uint64_t seed = 12;
	char *block = NULL;
	for (int i = 0; i < 400; i++) {
		size_t size = next_random(&seed) % 4 ? MB + next_random(&seed) % (16 * MB)
		                                     : 1 + next_random(&seed) % MB;
		char *moved = reallocate(block, size);
		assert_non_null(moved);
		block = moved;
		if (i % 7 == 0) {
			release(block);
			block = NULL;
		}
		if (i % 31 == 0)
			trim();
	}
	release(block);
	trim();
	assert_int_equal(registered_given, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, nothing, nothing)

int main(void) {
	const struct CMUnitTest tests[] = {
	        CASE(one_refusal_is_an_answer_or_done_without),
	        CASE(no_memory_at_all_is_an_answer),
	        CASE(nothing_is_lost_by_refusals),
	        CASE(a_first_request_without_memory_for_a_magazine_takes_one_slot),
	        CASE(a_block_that_cannot_be_resized_is_as_it_was),
	        CASE(a_move_without_memory_for_a_leaf_fails_alone),
	        CASE(a_mapping_that_cannot_be_registered_is_given_back),
	        CASE(what_is_retained_makes_room),
	        CASE(a_chunk_that_cannot_be_unmapped_is_kept_and_used),
	        CASE(pages_are_purged_though_no_chunk_can_be_unmapped),
	        CASE(a_large_block_that_cannot_be_unmapped_is_kept_and_used),
	        CASE(a_run_that_cannot_be_purged_stays_dirty_alone),
	        CASE(pages_that_cannot_be_purged_stay_dirty),
	        CASE(empty_pages_of_slabs_that_cannot_be_purged_stay_in_use),
	        CASE(pages_of_slabs_that_cannot_be_purged_are_not_taken_for_zero),
	        CASE(nothing_registered_goes_back),
	};
	return RUN(tests);
}

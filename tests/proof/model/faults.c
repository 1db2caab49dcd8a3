/* faults.c: model.c's operations while the kernel refuses, by the choices of the input: one call, a burst, one kind
 * for good, all from now on, everything but mappings; and gives again. The functions of os.h are refused as a whole,
 * and the system calls inside them one by one (linked with --wrap for both).
 *
 * NULL comes with ENOMEM, and only when what gives memory was refused in that very call; every live block keeps
 * its content; what calloc gives is zero though purges failed; the checkers hold and the account is right. When
 * all is freed and trimmed, a book of what the kernel gave and got back shows our records and nothing else, but
 * for addresses of which it would not take back the untouched memory. */
enum { BLOCKS = 120 };

#include "blocks.h"

#include "ground/kernel.h"
#include "ground/metadata.h"
#include "ground/os.h"

#include <errno.h>
#include <sys/mman.h>

enum { CHECK_EVERY = 100, LIVE_BYTES = 20 << 20, RANGES = 8192 };

/* ---- what is refused ---- */

enum kind {
	OS_MAP_FENCED,
	OS_MAP_ALIGNED,
	OS_MAP_AT,
	OS_UNMAP,
	OS_PURGE,
	OS_MOVE,
	OS_LENGTHEN,
	OS_MOVE_LONGER,
	CALL_MMAP,
	CALL_MUNMAP,
	CALL_MADVISE,
	CALL_MREMAP,
	CALL_MPROTECT,
	KINDS
};
static const char *const kind_names[KINDS] = {
        "os_map_fenced",  "os_map_aligned", "os_map_at", "os_unmap", "os_purge", "os_move", "os_lengthen",
        "os_move_longer", "mmap",           "munmap",    "madvise",  "mremap",   "mprotect"};

enum { FOREVER = UINT32_MAX, ALL = (1 << KINDS) - 1 };
enum { /* no allocation may fail for want of the others */
       GIVING = 1 << OS_MAP_FENCED | 1 << OS_MAP_ALIGNED | 1 << OS_MAP_AT | 1 << CALL_MMAP |
	        1 << CALL_MPROTECT,
       UNMAPPING = 1 << OS_UNMAP | 1 << CALL_MUNMAP,
       NEAR_MAX_MAP_COUNT = UNMAPPING | 1 << OS_MOVE | 1 << CALL_MREMAP | 1 << CALL_MPROTECT,
};

static struct {
	uint32_t kinds;  /* a bit each */
	uint32_t skip;   /* so many of their calls go through first, … */
	uint32_t length; /* … then so many, or FOREVER, are refused, … */
	uint32_t one_of; /* … or one of so many */
} weather;
static struct source inner;    /* choices inside the calls: their number is not the same in every run */
static uint32_t refused_kinds; /* in the present operation */
static size_t injected[KINDS];

static bool refused(enum kind kind) {
	if (!(weather.kinds >> kind & 1) || !weather.length)
		return false;
	if (weather.skip) {
		weather.skip--;
		return false;
	}
	if (weather.one_of > 1 && draw_below(&inner, weather.one_of))
		return false;
	weather.length -= weather.length != FOREVER;
	refused_kinds |= 1u << kind;
	injected[kind]++;
	return true;
}

static void draw_weather(struct source *source) {
	static const uint32_t some[] = {UNMAPPING, NEAR_MAX_MAP_COUNT, ALL & ~GIVING, GIVING};
	weather.skip = weather.one_of = 0;
	weather.kinds = ALL;
	weather.length = FOREVER;
	switch (draw_below(source, 8)) {
	case 0: /* one refusal */
		weather.skip = draw_below(source, 30);
		weather.length = 1;
		break;
	case 1: /* a burst */
		weather.skip = draw_below(source, 30);
		weather.length = 1 + draw_below(source, 20);
		break;
	case 2: /* nothing from now on */
		break;
	case 3: /* one kind */
		weather.kinds = 1u << draw_below(source, KINDS);
		break;
	case 4:
		weather.kinds = some[draw_below(source, 4)];
		break;
	case 5: /* now and then */
		weather.kinds = draw(source);
		weather.one_of = 2 + draw_below(source, 6);
		break;
	default:
		weather.length = 0;
	}
}

/* ---- the book: what is mapped, range by range ---- */

struct book {
	struct range {
		uintptr_t from, end;
	} ranges[RANGES];
	size_t n, bytes;
};
static struct book mapped; /* by the kernel's answers */
static struct book stuck;  /* of it, what the kernel would not take back */

static void ledger_put(struct book *book, uintptr_t from, uintptr_t end) {
	if (from >= end)
		return;
	EXPECT(book->n < RANGES);
	book->ranges[book->n++] = (struct range){from, end};
	book->bytes += end - from;
}

static void ledger_take(struct book *book, uintptr_t from, uintptr_t end) {
	for (size_t i = book->n; i-- > 0;) {
		struct range range = book->ranges[i];
		if (range.end <= from || end <= range.from)
			continue;
		book->bytes -= range.end - range.from;
		book->ranges[i] = book->ranges[--book->n];
		ledger_put(book, range.from, from);
		ledger_put(book, end, range.end);
	}
}

static size_t whole(size_t size) { return align_up(size, os_page_size()); }

static void note_mapped(const void *address, size_t size) {
	uintptr_t from = (uintptr_t)address, end = from + whole(size);
	ledger_take(&mapped, from, end); /* MREMAP_FIXED replaces */
	ledger_take(&stuck, from, end);
	ledger_put(&mapped, from, end);
}

static void note_unmapped(const void *address, size_t size) {
	uintptr_t from = (uintptr_t)address, end = from + whole(size);
	ledger_take(&mapped, from, end);
	ledger_take(&stuck, from, end);
}

static void note_stuck(const void *address, size_t size) {
	uintptr_t from = (uintptr_t)address, end = from + whole(size);
	ledger_take(&stuck, from, end);
	ledger_put(&stuck, from, end);
}

/* ---- the functions and the calls ---- */

static size_t nsteps_done; /* the clock: a step takes 5 ms */

#define WRAPPED(type, name, parameters)                                                                      \
	type __real_##name parameters;                                                                       \
	type __wrap_##name parameters;                                                                       \
	type __wrap_##name parameters

static size_t fences; /* bytes */

WRAPPED(void *, os_map_fenced, (size_t size)) {
	void *memory = refused(OS_MAP_FENCED) ? NULL : __real_os_map_fenced(size);
	fences += memory ? 2 * os_page_size() : 0;
	return memory;
}
WRAPPED(void, os_unmap_fenced, (void *address, size_t size)) {
	fences -= 2 * os_page_size();
	__real_os_unmap_fenced(address, size);
}
WRAPPED(void *, os_map_aligned, (size_t size, size_t align)) {
	return refused(OS_MAP_ALIGNED) ? NULL : __real_os_map_aligned(size, align);
}
WRAPPED(void *, os_map_at, (void *address, size_t size)) {
	return refused(OS_MAP_AT) ? NULL : __real_os_map_at(address, size);
}
WRAPPED(bool, os_unmap, (void *address, size_t size)) {
	if (!refused(OS_UNMAP))
		return __real_os_unmap(address, size);
	note_stuck(address, size);
	return false;
}
WRAPPED(bool, os_purge, (void *address, size_t size)) {
	return !refused(OS_PURGE) && __real_os_purge(address, size);
}
WRAPPED(bool, os_lengthen, (void *address, size_t size, size_t new_size)) {
	return !refused(OS_LENGTHEN) && __real_os_lengthen(address, size, new_size);
}
WRAPPED(void *, os_move_longer, (void *address, size_t size, size_t new_size)) {
	return refused(OS_MOVE_LONGER) ? NULL : __real_os_move_longer(address, size, new_size);
}
WRAPPED(bool, os_move, (void *address, size_t size, void *target)) {
	return !refused(OS_MOVE) && __real_os_move(address, size, target);
}

WRAPPED(uint64_t, os_milliseconds, (void)) { return 5 * nsteps_done; }
WRAPPED(uint64_t, os_microseconds, (void)) { return 5000 * nsteps_done; }

static size_t nrecords; /* taken and not put back */

WRAPPED(void *, metadata_take, (size_t size)) {
	void *record = __real_metadata_take(size);
	nrecords += record != NULL;
	return record;
}
WRAPPED(void, metadata_put, (void *record, size_t size)) {
	nrecords--;
	__real_metadata_put(record, size);
}

/* Now and then a mapping lies across the border of two leaves of the pagemap far away, which are not made yet. */
static void *draw_hint(void *hint, size_t size, int flags) {
	static const uintptr_t far = (uintptr_t)0x20 << 40;
	if (size < CHUNK_SIZE || flags & MAP_FIXED_NOREPLACE || draw_below(&inner, 16))
		return hint;
	return (void *)(far + ((uintptr_t)draw_below(&inner, 1024) << LEAF_SHIFT) - 2 * CHUNK_SIZE);
}

WRAPPED(long, kernel_mmap, (void *hint, size_t size, int protection, int flags, int file, long offset)) {
	if (refused(CALL_MMAP))
		return -ENOMEM;
	long address =
	        __real_kernel_mmap(draw_hint(hint, size, flags), size, protection, flags, file, offset);
	if (address >= 0)
		note_mapped((void *)address, size);
	return address;
}
WRAPPED(long, kernel_munmap, (void *address, size_t size)) {
	long answer = refused(CALL_MUNMAP) ? -ENOMEM : __real_kernel_munmap(address, size);
	if (answer == 0)
		note_unmapped(address, size);
	else
		note_stuck(address, size);
	return answer;
}
WRAPPED(long, kernel_madvise, (void *address, size_t size, int advice)) {
	return refused(CALL_MADVISE) ? -ENOMEM : __real_kernel_madvise(address, size, advice);
}
WRAPPED(long, kernel_mprotect, (void *address, size_t size, int protection)) {
	return refused(CALL_MPROTECT) ? -ENOMEM : __real_kernel_mprotect(address, size, protection);
}
WRAPPED(long, kernel_mremap, (void *address, size_t size, size_t new_size, int flags, void *target)) {
	if (refused(CALL_MREMAP))
		return -ENOMEM;
	long moved = __real_kernel_mremap(address, size, new_size, flags, target);
	if (moved < 0)
		return moved;
	if (!(flags & MREMAP_DONTUNMAP))
		note_unmapped(address, size);
	note_mapped((void *)moved, new_size);
	return moved;
}

/* ---- what must hold ---- */

/* Every block is as it was left, and registered as one to its end. */
static void expect_all_intact(void) {
	for (const struct block *block = blocks; block < blocks + BLOCKS; block++) {
		if (!block->at)
			continue;
		expect_fill(block, block->at, block->size);
		for (size_t i = 0; i < block->usable; i += CHUNK_SIZE)
			EXPECT(pagemap_owner(block->at + i) == pagemap_owner(block->at));
	}
}

/* The only good reason for no block. */
static void expect_no_memory(void) {
	EXPECT(errno == ENOMEM);
	EXPECT(refused_kinds & GIVING);
	errno = EXDEV;
}

/* ---- operations ---- */

/* Less often small than in model.c: those seldom need the kernel. */
static size_t draw_size(struct source *source) {
	uint32_t kind = draw_below(source, 64);
	if (kind < 24)
		return draw_below(source, 600);
	if (kind < 40)
		return draw_below(source, 32769);
	if (kind < 56)
		return draw_below(source, 300000);
	if (kind < 60)
		return draw_below(source, 1 << 20);
	return (1 << 20) + draw_below(source, 5 << 20);
}

static void do_take(struct source *source, struct block *block, uint32_t kind) {
	size_t size = draw_size(source), align = 16;
	unsigned char *at;
	if (kind < 3) {
		at = allocate_zeroed(1, size);
		if (at)
			expect_zero(at, size);
	} else if (kind == 3) {
		align = (size_t)1 << draw_below(source, draw_below(source, 16) ? 13 : 23);
		at = allocate_aligned(align, size);
	} else {
		at = allocate(size);
	}
	if (at)
		note(block, at, size, align);
	else
		expect_no_memory();
}

/* A failure leaves the block; and no block fails to shrink. */
static void do_reallocate(struct source *source, struct block *block) {
	size_t size =
	        1 + (draw_below(source, 4) ? block->size / 2 + draw_below(source, (uint32_t)block->size + 100)
	                                   : draw_size(source));
	struct block old = *block;
	unsigned char *at = reallocate(old.at, size);
	if (!at) {
		expect_no_memory();
		EXPECT(size > old.size);
		EXPECT(usable_size(old.at) == old.usable);
		expect_fill(&old, old.at, old.size);
		return;
	}
	forget(block);
	expect_fill(&old, at, min_size(old.size, size));
	note(block, at, size, 16);
}

static void release_some(struct source *source) {
	uint32_t one_of = 1 + draw_below(source, 4);
	for (struct block *block = blocks; block < blocks + BLOCKS; block++)
		if (block->at && draw_below(source, one_of) == 0)
			do_release(block, false);
}

/* Records that are in use elsewhere, so that others must come from the kernel. */
static struct {
	unsigned char *at;
	size_t size;
} records[512];

static void put_record(size_t i) {
	EXPECT(records[i].at[0] == (unsigned char)i &&
	       records[i].at[records[i].size - 1] == (unsigned char)i);
	metadata_put(records[i].at, records[i].size);
	records[i].at = NULL;
}

static void use_records(struct source *source) {
	size_t size = (size_t)1 << (METADATA_MIN_LOG2 +
	                            draw_below(source, METADATA_MAX_LOG2 - METADATA_MIN_LOG2 + 1));
	for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
		if (records[i].at && draw_below(source, 2) == 0) {
			put_record(i);
		} else if (!records[i].at && (records[i].at = metadata_take(size))) {
			memset(records[i].at, (int)i, size);
			records[i].size = size;
		}
	}
}

static void step(struct source *source) {
	struct block *block = &blocks[draw_below(source, BLOCKS)];
	uint32_t kind = draw_below(source, 1000);
	errno = EXDEV;
	refused_kinds = 0;
	nsteps_done++;
	if (kind < 5 || live_bytes > LIVE_BYTES)
		release_some(source);
	else if (kind < 25)
		trim();
	else if (kind < 40)
		use_records(source);
	else if (!block->at)
		do_take(source, block, kind % 8);
	else if (kind % 2 == 0)
		do_reallocate(source, block);
	else
		do_release(block, false);
	EXPECT(errno == EXDEV);
}

/* ---- the end ---- */

static size_t leaf_bytes(void) {
	size_t leaves = 0;
	for (size_t i = 0; i < ROOT_LEAVES; i++)
		leaves += pagemap_root[i] != NULL;
	return leaves * whole(sizeof(struct leaf));
}

static size_t resident_bytes(struct range range) {
	static unsigned char present[4096];
	size_t page = os_page_size(), pages = 0;
	for (uintptr_t from = range.from, n; from < range.end; from += n * page) {
		n = min_size((range.end - from) / page, sizeof present);
		EXPECT(mincore((void *)from, n * page, present) == 0);
		for (size_t i = 0; i < n; i++)
			pages += present[i] & 1;
	}
	return pages * page;
}

/* All is freed and trimmed, and nothing is refused: what is mapped are the records. What the kernel would not take
 * back when a failure was undone is addresses without memory. */
static void expect_nothing_kept(void) {
	struct account account = account_read();
	EXPECT(live_bytes == 0);
	EXPECT(account.chunks == 0 && account.large == 0 && account.rows[ROW_POOL] == 0);
	EXPECT(nrecords <= 1 + CLASSES); /* this thread's cache and its magazines */
	for (size_t i = 0; i < stuck.n; i++)
		EXPECT(resident_bytes(stuck.ranges[i]) == 0);
	EXPECT(mapped.bytes == metadata_count().mapped + leaf_bytes() + fences + stuck.bytes);
}

static void say_refused(void) {
#ifndef FUZZ
	printf("# refused:");
	for (unsigned kind = 0; kind < KINDS; kind++)
		printf(" %s %zu%s", kind_names[kind], injected[kind], kind + 1 < KINDS ? "," : "");
	printf("; addresses left behind: %zu KB\n", stuck.bytes / 1024);
#else
	(void)kind_names;
#endif
}

static void run(struct source *source, size_t nsteps) {
	inner = (struct source){.seed = draw(source) | 1};
	memset(injected, 0, sizeof injected);
	draw_weather(source);
	for (size_t i = 1; i <= nsteps && !source->ended; i++) {
		step(source);
		if (i % CHECK_EVERY)
			continue;
		check_all();
		expect_all_intact();
		draw_weather(source);
	}
	weather.length = 0;
	release_all();
	for (size_t i = 0; i < sizeof records / sizeof *records; i++)
		if (records[i].at)
			put_record(i);
	check_all();
	trim();
	check_all();
	expect_nothing_kept();
	say_refused();
	/* Seldom called, and not in every run: tests/unit/kernel.c refuses each of these in turn. */
	const uint32_t seldom = 1u << OS_MAP_FENCED | 1u << OS_MOVE | 1u << OS_LENGTHEN |
	                        1u << OS_MOVE_LONGER | 1u << CALL_MREMAP | 1u << CALL_MPROTECT;
	for (unsigned kind = 0; kind < KINDS; kind++)
		EXPECT(injected[kind] || seldom >> kind & 1 || nsteps < DEFAULT_STEPS || !source->seed);
}

/* altered.c (level 2): see altered.h. */
#include "ground/altered.h"

#include "ground/kernel.h"

#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE /* before 2.27 */
#define MAP_FIXED_NOREPLACE 0x100000
#endif

enum { TABLE_SHIFT = 35, ADDRESS_SHIFT = 48, WORD_SHIFT = PAGE_SHIFT + 6 };
#define TABLE_BYTES ((uintptr_t)1 << TABLE_SHIFT)
#define WORD_BYTES  ((uintptr_t)1 << WORD_SHIFT)

/* A bit for each page of 32 GiB and kind of note. */
struct table {
	_Atomic uint64_t words[TABLE_BYTES >> WORD_SHIFT][ALTERATIONS];
};

static _Atomic(struct table *) tables[(uintptr_t)1 << (ADDRESS_SHIFT - TABLE_SHIFT)];
_Atomic size_t altered_count;

static struct table *table_at(uintptr_t at) { return atomic_load(&tables[at >> TABLE_SHIFT]); }

static _Atomic uint64_t *words_at(struct table *table, uintptr_t at) {
	return table->words[at % TABLE_BYTES >> WORD_SHIFT];
}

static bool make_table(uintptr_t at) {
	struct table *none = NULL, *made = os_map_fenced(sizeof *made);
	if (made && !atomic_compare_exchange_strong(&tables[at >> TABLE_SHIFT], &none, made))
		os_unmap((char *)made - os_page_size(), sizeof *made + 2 * os_page_size());
	return table_at(at);
}

/* The first address behind `at` that is a multiple of `size`, or `end` when that comes first. */
static uintptr_t step_to(uintptr_t at, uintptr_t size, uintptr_t end) {
	uintptr_t next = (at | (size - 1)) + 1;
	return next < end ? next : end;
}

/* The bits of the pages from `at` to the end of their word, or to `end`. */
static uint64_t mask_of(uintptr_t at, uintptr_t end) {
	unsigned low = at % WORD_BYTES >> PAGE_SHIFT;
	size_t n = (step_to(at, WORD_BYTES, end) - at) >> PAGE_SHIFT;
	return ~(uint64_t)0 >> (64 - n) << low;
}

bool altered_set(uintptr_t from, uintptr_t end, enum alteration note) {
	for (uintptr_t at = from; at < end; at = step_to(at, WORD_BYTES, end)) {
		if (unlikely(!table_at(at)) && !make_table(at))
			return false;
		uint64_t mask = mask_of(at, end);
		/* counted first, so that no note is ever without a count */
		atomic_fetch_add(&altered_count, (size_t)__builtin_popcountl(mask));
		uint64_t old = atomic_fetch_or(&words_at(table_at(at), at)[note], mask);
		atomic_fetch_sub(&altered_count, (size_t)__builtin_popcountl(mask & old));
	}
	return true;
}

void altered_clear(uintptr_t from, uintptr_t end, enum alteration note) {
	for (uintptr_t at = from; at < end; at = step_to(at, WORD_BYTES, end)) {
		if (!table_at(at))
			continue;
		uint64_t mask = mask_of(at, end);
		uint64_t old = atomic_fetch_and(&words_at(table_at(at), at)[note], ~mask);
		atomic_fetch_sub(&altered_count, (size_t)__builtin_popcountl(mask & old));
	}
}

uintptr_t altered_next(uintptr_t at, uintptr_t end, bool noted) {
	while (at < end) {
		struct table *table = table_at(at);
		if (!table && !noted)
			return at;
		if (!table) {
			at = step_to(at, TABLE_BYTES, end);
			continue;
		}
		uint64_t bits = words_at(table, at)[ALTERED_PROTECTION] | words_at(table, at)[ALTERED_OTHER];
		bits = (noted ? bits : ~bits) & mask_of(at, end);
		if (bits)
			return at - at % WORD_BYTES + ((uintptr_t)__builtin_ctzl(bits) << PAGE_SHIFT);
		at = step_to(at, WORD_BYTES, end);
	}
	return end;
}

/* Walks the runs of noted pages, [from, to), that lie wholly in a range. */
#define EACH_RUN(address, size, from, to)                                                                    \
	for (uintptr_t last = ((uintptr_t)(address) + (size)) & ~(PAGE_SIZE - 1), to,                        \
	               from = altered_next(align_up((uintptr_t)(address), PAGE_SIZE), last, true);           \
	     from < last && (to = altered_next(from, last, false)); from = altered_next(to, last, true))

bool altered_any(const void *address, size_t size) {
	EACH_RUN(address, size, from, to)
	return true;
	return false;
}

bool altered_map_anew(void *address, size_t size, enum advice advice) {
	EACH_RUN(address, size, from, to) {
		int flags = MAP_PRIVATE | MAP_ANONYMOUS;
		void *run = (void *)from; /* NOLINT(performance-no-int-to-ptr) */
		if ((from | to) % os_page_size())
			return false;
		if (kernel_mmap(run, to - from, PROT_READ | PROT_WRITE, flags | MAP_FIXED, -1, 0) < 0) {
			/* It may have unmapped them before it refused: nobody else is to get these addresses. */
			kernel_mmap(run, to - from, PROT_NONE, flags | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
			            -1, 0);
			return false;
		}
		os_huge_pages(run, to - from, advice);
		altered_clear(from, to, ALTERED_PROTECTION);
		altered_clear(from, to, ALTERED_OTHER);
	}
	return true;
}

void altered_open(void *address, size_t size) {
	EACH_RUN(address, size, from, to)
	os_open((void *)from, to - from); /* NOLINT(performance-no-int-to-ptr) */
}

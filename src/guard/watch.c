/* watch.c (level 5): see watch.h. */
#include "guard/watch.h"

#include "back/chunk.h"
#include "ground/kernel.h"
#include "middle/slab.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static void *pointer(uintptr_t at) { return (void *)at; } /* NOLINT(performance-no-int-to-ptr) */

/* ---- what of a range is the heap's ---- */

static bool is_heap(const struct owner *owner) {
	return owner && (owner->kind == OWNER_CHUNK || owner->kind == OWNER_LARGE);
}

/* The first multiple of `size` behind an address, or `end` when that comes first. */
static uintptr_t step_over(uintptr_t at, uintptr_t size, uintptr_t end) {
	uintptr_t next = at | (size - 1);
	return next < end ? next + 1 : end;
}

/* The first address of [at, end) that lies in a chunk or a large block; `end`: none. */
static uintptr_t find_ours(uintptr_t at, uintptr_t end) {
	while (at < end) {
		const struct leaf *leaf = pagemap_leaf(pointer(at));
		uintptr_t last = step_over(at, (uintptr_t)1 << LEAF_SHIFT, end);
		if (!leaf)
			at = last;
		for (; at < last; at = step_over(at, CHUNK_SIZE, last))
			if (is_heap(leaf_owner(leaf, pointer(at))))
				return at;
	}
	return end;
}

/* The kernel's pages that a range of addresses reaches into, [*from, end); none where it does not end. */
static uintptr_t whole_pages(const void *address, size_t size, uintptr_t *from) {
	uintptr_t page = os_page_size(), last = (uintptr_t)address + size;
	*from = (uintptr_t)address & ~(page - 1);
	return last < size ? 0 : align_up(last, page);
}

/* Without the kernel's page size, which is libc's to tell: there may be no libc to call yet. */
bool watch_has(const void *address, size_t size) {
	uintptr_t from = (uintptr_t)address, end = from + size;
	return find_ours(from, end) < end;
}

/* Walks the heap's parts of a range, [at, to), 2 MB at most each. */
#define EACH_PART(from, end, at, to)                                                                         \
	for (uintptr_t at = find_ours(from, end), to; at < (end) && (to = step_over(at, CHUNK_SIZE, end));   \
	     at = find_ours(to, end))

/* The slots that begin on the heap's pages of [at, to) or reach into them are freed the slow way, which does
 * not touch them (mark.h, K2). */
static void bar_slots(uintptr_t at, uintptr_t to) {
	for (; at < to; at += PAGE_SIZE) {
		const struct slab *slab = chunk_slab_of(pointer(at));
		if (!slab)
			continue;
		pagemap_set_class(slab_slot_of(slab, pointer(at)), 1, 0);
		pagemap_set_class(pointer(at), 1, 0);
	}
}

bool watch_note(const void *address, size_t size, enum alteration note) {
	if (likely(!watch_has(address, size)))
		return true;
	uintptr_t from, end = whole_pages(address, size, &from);
	EACH_PART(from, end, at, to) {
		if (!altered_set(at, to, note))
			return false;
		bar_slots(at, to);
	}
	return true;
}

void watch_forget(const void *address, size_t size) {
	uintptr_t from, end = whole_pages(address, size, &from);
	EACH_PART(from, end, at, to)
	altered_clear(at, to, ALTERED_PROTECTION);
}

/* ---- no holes ---- */

static long map_without_access(uintptr_t from, uintptr_t end, int flags) {
	flags |= MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	long answer = kernel_mmap(pointer(from), end - from, PROT_NONE, flags, -1, 0);
	if (answer < 0 || answer == (long)from)
		return answer;
	kernel_munmap((void *)answer, end - from); /* before Linux 4.17 */
	return -EEXIST;
}

long watch_unmap(void *address, size_t size) {
	uintptr_t from, end = whole_pages(address, size, &from);
	if (!size || from != (uintptr_t)address)
		return -EINVAL;
	if (!watch_note(address, size, ALTERED_OTHER))
		return -ENOMEM;
	uintptr_t rest = from;
	long answer = 0;
	EACH_PART(from, end, at, to) {
		if (rest < at)
			answer = kernel_munmap(pointer(rest), at - rest);
		if (answer >= 0)
			answer = map_without_access(at, to, MAP_FIXED);
		if (answer < 0)
			return answer;
		rest = to;
	}
	return rest < end ? kernel_munmap(pointer(rest), end - rest) : 0;
}

/* Keeps the addresses that a mremap left. Where the kernel can, it has kept them itself; else they were
 * nobody's for a moment, and are left to whoever got them. */
static void keep_addresses(void *address, size_t size, bool kept) {
	uintptr_t from, end = whole_pages(address, size, &from);
	EACH_PART(from, end, at, to)
	map_without_access(at, to, kept ? MAP_FIXED : MAP_FIXED_NOREPLACE);
}

long watch_move(void *address, size_t size, size_t new_size, int flags, void *target) {
	size_t page = os_page_size();
	if ((uintptr_t)address % page || !new_size)
		return kernel_mremap(address, size, new_size, flags, target); /* it refuses */
	if (!watch_note(address, size, ALTERED_OTHER) ||
	    (flags & MREMAP_FIXED && !watch_note(target, new_size, ALTERED_OTHER)))
		return -ENOMEM;
	bool ours = watch_has(address, size), kept = false;
	size = align_up(size, page), new_size = align_up(new_size, page);
	if (ours && new_size < size) {
		long answer = watch_unmap((char *)address + new_size, size - new_size);
		if (answer < 0)
			return answer;
		size = new_size;
	}
	long answer = -EINVAL;
	if (ours && flags & MREMAP_FIXED && size == new_size) {
		answer = kernel_mremap(address, size, new_size, flags | MREMAP_DONTUNMAP, target);
		kept = answer >= 0;
	}
	if (answer == -EINVAL) /* as the program has it, or before Linux 5.7 */
		answer = kernel_mremap(address, size, new_size, flags, target);
	if (ours && answer >= 0 && answer != (long)address && !(flags & MREMAP_DONTUNMAP))
		keep_addresses(address, size, kept);
	return answer;
}

/* ---- giving ---- */

bool watch_renew(void *base, size_t size) {
	if (!altered_in(base, size))
		return true;
	const struct owner *owner = pagemap_owner(base);
	enum advice advice = owner->kind == OWNER_CHUNK ? chunk_advice((const struct chunk *)owner)
	                                                : ((const struct run *)owner)->advice;
	return altered_renew(base, size, advice);
}

/* ---- fork ---- */

/* Whether every page of a range is mapped: a range of which the kernel tells the resident pages. */
static bool is_mapped(uintptr_t from, uintptr_t end) {
	unsigned char pages[CHUNK_PAGES];
	return kernel_call(SYS_mincore, (long)from, (long)(end - from), (long)pages, 0) != -ENOMEM;
}

/* Fills the holes of at most 2 MB: those of the whole kernel pages, by halves. */
static void fill_holes(uintptr_t from, uintptr_t end) {
	uintptr_t middle = (from + (end - from) / 2) & ~(os_page_size() - 1);
	if (is_mapped(from, end) || map_without_access(from, end, MAP_FIXED_NOREPLACE) >= 0 || middle == from)
		return;
	fill_holes(from, middle);
	fill_holes(middle, end);
}

/* Pages that the parent told the kernel not to copy are noted. */
void watch_after_fork(void) {
	uintptr_t end = (uintptr_t)1 << ADDRESS_BITS;
	if (!altered_exist())
		return;
	for (uintptr_t to, from = altered_next(0, end, true); from < end;
	     from = altered_next(to, end, true)) {
		to = step_over(from, CHUNK_SIZE, altered_next(from, end, false));
		fill_holes(from, to);
	}
}

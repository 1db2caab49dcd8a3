/* kernel_page.h: included before every source in the variants page16k and page64k: the kernel as one whose pages are of
 * KERNEL_PAGE bytes. The calls for memory answer as its would: they return multiples of that page, refuse addresses that
 * are none, act on whole pages, and say of a page that it is there when any part of it is. A range that such a kernel
 * would round up to memory beyond what was meant ends the process.
 *
 * What is not imitated: a fault brings 4 KB, so that less is there than under such a kernel. */
#ifndef KERNEL_PAGE_H
#define KERNEL_PAGE_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE_REAL = 4096 };

#define paged_unused __attribute__((unused)) static

static inline size_t paged_whole(size_t size) {
	return (size + KERNEL_PAGE - 1) & ~((size_t)KERNEL_PAGE - 1);
}

/* Whether a range begins with a page; the error of all these calls when it does not. */
static inline int paged_begins(const void *address) {
	if ((uintptr_t)address % KERNEL_PAGE == 0)
		return 1;
	errno = EINVAL;
	return 0;
}

paged_unused void paged_must_be_whole(const char *call, size_t size) {
	if (size % KERNEL_PAGE == 0)
		return;
	static const char words[] = ": acts on more than the range that it is given\n";
	(void)!write(STDERR_FILENO, call, __builtin_strlen(call));
	(void)!write(STDERR_FILENO, words, sizeof words - 1);
	abort();
}

/* Finds addresses for a mapping, and lets them go again: another thread may be quicker. */
paged_unused void *paged_find_place(size_t size) {
	size_t room = size + KERNEL_PAGE;
	long found =
	        syscall(SYS_mmap, NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0L);
	if (found == -1)
		return NULL;
	syscall(SYS_munmap, found, room);
	return (void *)paged_whole((size_t)found);
}

paged_unused void *paged_mmap(void *hint, size_t size, int protection, int flags, int file, off_t offset) {
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) && !paged_begins(hint))
		return MAP_FAILED;
	if (size > SIZE_MAX - 2 * KERNEL_PAGE) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	size = paged_whole(size);
	hint = (void *)((uintptr_t)hint & ~((uintptr_t)KERNEL_PAGE - 1));
	for (;;) {
		char *address = mmap(hint, size, protection, flags, file, offset);
		if (address == MAP_FAILED || (uintptr_t)address % KERNEL_PAGE == 0)
			return address;
		munmap(address, size);
		hint = paged_find_place(size);
	}
}

paged_unused int paged_munmap(void *address, size_t size) {
	return paged_begins(address) ? munmap(address, paged_whole(size)) : -1;
}

paged_unused int paged_mprotect(void *address, size_t size, int protection) {
	if (!paged_begins(address))
		return -1;
	paged_must_be_whole("mprotect", size);
	return mprotect(address, size, protection);
}

paged_unused int paged_madvise(void *address, size_t size, int advice) {
	if (!paged_begins(address))
		return -1;
	paged_must_be_whole("madvise", size);
	return madvise(address, size, advice);
}

/* Where the kernel puts a mapping at an address that is no multiple, it is moved on. */
paged_unused void *paged_mremap(void *address, size_t size, size_t new_size, int flags, ...) {
	va_list arguments;
	va_start(arguments, flags);
	void *target = flags & MREMAP_FIXED ? va_arg(arguments, void *) : NULL;
	va_end(arguments);
	if (!paged_begins(address) || (flags & MREMAP_FIXED && !paged_begins(target)))
		return MAP_FAILED;
	size = paged_whole(size), new_size = paged_whole(new_size);
	void *moved = mremap(address, size, new_size, flags, target);
	while (moved != MAP_FAILED && (uintptr_t)moved % KERNEL_PAGE) {
		void *place = paged_find_place(new_size);
		void *held = place ? mmap(place, new_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
		                   : MAP_FAILED;
		if (held == place)
			moved = mremap(moved, new_size, new_size, MREMAP_MAYMOVE | MREMAP_FIXED, held);
		else if (held == MAP_FAILED)
			abort();
		else
			munmap(held, new_size);
	}
	return moved;
}

paged_unused int paged_mincore(void *address, size_t size, unsigned char *there) {
	if (!paged_begins(address))
		return -1;
	for (size_t at = 0; at < size; at += KERNEL_PAGE, there++) {
		unsigned char parts[KERNEL_PAGE / PAGE_REAL];
		if (mincore((char *)address + at, KERNEL_PAGE, parts))
			return -1;
		*there = 0;
		for (size_t i = 0; i < sizeof parts; i++)
			*there |= parts[i] & 1;
	}
	return 0;
}

paged_unused unsigned long paged_getauxval(unsigned long what) {
	return what == AT_PAGESZ ? KERNEL_PAGE : getauxval(what);
}

paged_unused long paged_sysconf(int what) { return what == _SC_PAGESIZE ? KERNEL_PAGE : sysconf(what); }

#define mmap(...)     paged_mmap(__VA_ARGS__)
#define munmap(...)   paged_munmap(__VA_ARGS__)
#define mprotect(...) paged_mprotect(__VA_ARGS__)
#define madvise(...)  paged_madvise(__VA_ARGS__)
#define mremap(...)   paged_mremap(__VA_ARGS__)
#define mincore(...)  paged_mincore(__VA_ARGS__)
#define getauxval(x)  paged_getauxval(x)
#define sysconf(x)    paged_sysconf(x)

#endif

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

enum { KERNEL_PAGE_REAL = 4096 };

#define kernel_unused __attribute__((unused)) static

static inline size_t kernel_whole(size_t size) {
	return (size + KERNEL_PAGE - 1) & ~((size_t)KERNEL_PAGE - 1);
}

/* Whether a range begins with a page; the error of all these calls when it does not. */
static inline int kernel_begins(const void *address) {
	if ((uintptr_t)address % KERNEL_PAGE == 0)
		return 1;
	errno = EINVAL;
	return 0;
}

kernel_unused void kernel_must_be_whole(const char *call, size_t size) {
	if (size % KERNEL_PAGE == 0)
		return;
	static const char words[] = ": acts on more than the range that it is given\n";
	(void)!write(STDERR_FILENO, call, __builtin_strlen(call));
	(void)!write(STDERR_FILENO, words, sizeof words - 1);
	abort();
}

/* Finds addresses for a mapping, and lets them go again: another thread may be quicker. */
kernel_unused void *kernel_find_place(size_t size) {
	size_t room = size + KERNEL_PAGE;
	long found =
	        syscall(SYS_mmap, NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0L);
	if (found == -1)
		return NULL;
	syscall(SYS_munmap, found, room);
	return (void *)kernel_whole((size_t)found);
}

kernel_unused void *kernel_mmap(void *hint, size_t size, int protection, int flags, int file, off_t offset) {
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) && !kernel_begins(hint))
		return MAP_FAILED;
	if (size > SIZE_MAX - 2 * KERNEL_PAGE) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	size = kernel_whole(size);
	hint = (void *)((uintptr_t)hint & ~((uintptr_t)KERNEL_PAGE - 1));
	for (;;) {
		char *address = mmap(hint, size, protection, flags, file, offset);
		if (address == MAP_FAILED || (uintptr_t)address % KERNEL_PAGE == 0)
			return address;
		munmap(address, size);
		hint = kernel_find_place(size);
	}
}

kernel_unused int kernel_munmap(void *address, size_t size) {
	return kernel_begins(address) ? munmap(address, kernel_whole(size)) : -1;
}

kernel_unused int kernel_mprotect(void *address, size_t size, int protection) {
	if (!kernel_begins(address))
		return -1;
	kernel_must_be_whole("mprotect", size);
	return mprotect(address, size, protection);
}

kernel_unused int kernel_madvise(void *address, size_t size, int advice) {
	if (!kernel_begins(address))
		return -1;
	kernel_must_be_whole("madvise", size);
	return madvise(address, size, advice);
}

/* Where the kernel puts a mapping at an address that is no multiple, it is moved on. */
kernel_unused void *kernel_mremap(void *address, size_t size, size_t new_size, int flags, ...) {
	va_list arguments;
	va_start(arguments, flags);
	void *target = flags & MREMAP_FIXED ? va_arg(arguments, void *) : NULL;
	va_end(arguments);
	if (!kernel_begins(address) || (flags & MREMAP_FIXED && !kernel_begins(target)))
		return MAP_FAILED;
	size = kernel_whole(size), new_size = kernel_whole(new_size);
	void *moved = mremap(address, size, new_size, flags, target);
	while (moved != MAP_FAILED && (uintptr_t)moved % KERNEL_PAGE) {
		void *place = kernel_find_place(new_size);
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

kernel_unused int kernel_mincore(void *address, size_t size, unsigned char *there) {
	if (!kernel_begins(address))
		return -1;
	for (size_t at = 0; at < size; at += KERNEL_PAGE, there++) {
		unsigned char parts[KERNEL_PAGE / KERNEL_PAGE_REAL];
		if (mincore((char *)address + at, KERNEL_PAGE, parts))
			return -1;
		*there = 0;
		for (size_t i = 0; i < sizeof parts; i++)
			*there |= parts[i] & 1;
	}
	return 0;
}

kernel_unused unsigned long kernel_getauxval(unsigned long what) {
	return what == AT_PAGESZ ? KERNEL_PAGE : getauxval(what);
}

kernel_unused long kernel_sysconf(int what) { return what == _SC_PAGESIZE ? KERNEL_PAGE : sysconf(what); }

#define mmap(...)     kernel_mmap(__VA_ARGS__)
#define munmap(...)   kernel_munmap(__VA_ARGS__)
#define mprotect(...) kernel_mprotect(__VA_ARGS__)
#define madvise(...)  kernel_madvise(__VA_ARGS__)
#define mremap(...)   kernel_mremap(__VA_ARGS__)
#define mincore(...)  kernel_mincore(__VA_ARGS__)
#define getauxval(x)  kernel_getauxval(x)
#define sysconf(x)    kernel_sysconf(x)

#endif

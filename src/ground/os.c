/* os.c (level 1): see os.h. */
#include "ground/os.h"

#include "ground/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

size_t os_page_size(void) {
	static _Atomic size_t known;
	if (unlikely(!known))
		known = getauxval(AT_PAGESZ);
	return known;
}

/* The address that a call answers with, or NULL. */
static void *address_in(long answer) { return answer < 0 ? NULL : (void *)answer; }

static void *map_with(void *hint, size_t size, int protection, int flags) {
	flags |= MAP_PRIVATE | MAP_ANONYMOUS;
	return address_in(kernel_mmap(hint, size, protection, flags, -1, 0));
}

bool os_open(void *address, size_t size) {
	return kernel_mprotect(address, size, PROT_READ | PROT_WRITE) == 0;
}
bool os_close(void *address, size_t size) { return kernel_mprotect(address, size, PROT_NONE) == 0; }

void *os_map_fenced(size_t size) {
	size_t page = os_page_size(), whole = align_up(size, page);
	char *fence = map_with(NULL, whole + 2 * page, PROT_NONE, 0);
	if (fence && os_open(fence + page, whole))
		return fence + page;
	if (fence)
		os_unmap(fence, whole + 2 * page);
	return NULL;
}

void os_unmap_fenced(void *address, size_t size) {
	os_unmap((char *)address - os_page_size(), size + 2 * os_page_size());
}

bool os_has_room(size_t size) {
	void *tried = map_with(NULL, size, PROT_READ | PROT_WRITE, 0);
	return tried && os_unmap(tried, size);
}

/* Maps `align` bytes too many, without access, so that they count towards no limit but that of
 * addresses, unmaps what sticks out and opens the rest. */
static char *map_trimmed(size_t size, size_t align) {
	size_t total = size + align - os_page_size();
	char *raw = total >= size ? map_with(NULL, total, PROT_NONE, 0) : NULL;
	if (!raw)
		return NULL;
	size_t before = align_up((size_t)raw, align) - (size_t)raw, after = total - size - before;
	if (before)
		os_unmap(raw, before);
	if (after)
		os_unmap(raw + before + size, after);
	if (os_open(raw + before, size))
		return raw + before;
	os_unmap(raw + before, size);
	return NULL;
}

/* The next aligned mapping is tried just below this address. The kernel places mappings downwards,
 * so an aligned place is likeliest there. After an unmap it is the end of the hole, so that a
 * program that maps and unmaps in turn uses the same addresses again. */
static _Atomic uintptr_t likely_end;

void *os_map_aligned(size_t size, size_t align) {
	uintptr_t below = likely_end;
	char *address = NULL;
	size = align_up(size, os_page_size());
	if (below > size) {
		address = map_with((void *)((below - size) & ~(align - 1)), size, PROT_READ | PROT_WRITE, 0);
		if (!address)
			return NULL; /* a hint is no reason to refuse */
		if ((uintptr_t)address % align != 0) {
			os_unmap(address, size);
			address = NULL;
		}
	}
	if (!address)
		address = map_trimmed(size, align);
	if (address)
		likely_end = (uintptr_t)address;
	return address;
}

/* Kernels before 4.17 take MAP_FIXED_NOREPLACE for a hint. */
void *os_map_at(void *address, size_t size) {
	void *mapped = map_with(address, size, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE);
	if (mapped == address || !mapped)
		return mapped;
	os_unmap(mapped, size);
	return NULL;
}

bool os_unmap(void *address, size_t size) {
	long answer = kernel_munmap(address, size);
	ASSERT(answer == 0 || answer == -ENOMEM);
	if (answer == 0 && (uintptr_t)address % CHUNK_SIZE == 0)
		likely_end = align_up((uintptr_t)address + size, CHUNK_SIZE);
	return answer == 0;
}

bool os_purge(void *address, size_t size) {
	size_t page = os_page_size();
	uintptr_t from = align_up((uintptr_t)address, page), to = ((uintptr_t)address + size) & ~(page - 1);
	bool purged = from >= to || kernel_madvise((void *)from, to - from, MADV_DONTNEED) == 0;
	return purged && from == (uintptr_t)address && to == (uintptr_t)address + size;
}

void os_huge_pages(void *address, size_t size, enum advice advice) {
	if (advice)
		kernel_madvise(address, size, advice == ADVICE_HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

bool os_move(void *address, size_t size, void *target) {
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
	return kernel_mremap(address, size, size, flags, target) >= 0;
}

bool os_lengthen(void *address, size_t size, size_t new_size) {
	return kernel_mremap(address, size, new_size, 0, NULL) >= 0;
}

void *os_move_longer(void *address, size_t size, size_t new_size) {
	return address_in(kernel_mremap(address, size, new_size, MREMAP_MAYMOVE, NULL));
}

bool os_presence(const void *address, size_t size, unsigned char *pages) {
	return kernel_call(SYS_mincore, (long)address, (long)size, (long)pages, 0) == 0;
}

size_t os_resident(const void *address, size_t size) {
	unsigned char pages[4096];
	size_t page = os_page_size(), step = sizeof pages * page, there = 0;
	for (size_t at = 0; at < size; at += step) {
		size_t part = min_size(size - at, step);
		if (!os_presence((const char *)address + at, part, pages))
			return size;
		for (size_t i = 0; i < (part + page - 1) / page; i++)
			there += pages[i] & 1;
	}
	return there * page;
}

void *os_zero(void *address, size_t size) {
	size_t whole = size & ~(os_page_size() - 1);
	bool purged = size >= CHUNK_SIZE && (uintptr_t)address % os_page_size() == 0 &&
	              os_resident(address, whole) < whole / 2 && os_purge(address, whole);
	size_t from = purged ? whole : 0;
	memset((char *)address + from, 0, size - from);
	return address;
}

void os_read_text(const char *path, char *text, size_t room) {
	long file = kernel_call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
	long got = file < 0 ? 0 : kernel_call(SYS_read, file, (long)text, (long)room - 1, 0);
	if (file >= 0)
		kernel_call(SYS_close, file, 0, 0, 0);
	text[got > 0 ? got : 0] = '\0';
}

bool os_huge_by_default(void) {
	enum { UNKNOWN, NO, YES };
	static atomic_uint known;
	char text[64];
	if (unlikely(!known)) {
		os_read_text("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text);
		known = !*text || strstr(text, "[always]") ? YES : NO;
	}
	return known == YES;
}

/* Where the kernel has no random numbers yet, those it gave the process at its start. */
uint64_t os_random(void) {
	uint64_t value;
	if (kernel_call(SYS_getrandom, (long)&value, sizeof value, GRND_NONBLOCK, 0) != sizeof value)
		/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
		memcpy(&value, (const void *)getauxval(AT_RANDOM), sizeof value);
	return value;
}

/* Set by glibc while the process has one thread; missing in glibc before 2.32. */
extern char __libc_single_threaded __attribute__((weak));

bool os_is_single_threaded(void) { return &__libc_single_threaded && __libc_single_threaded; }

uint64_t os_thread(void) {
	if (os_is_single_threaded())
		return OS_LEADER;
	long process = kernel_call(SYS_getpid, 0, 0, 0, 0), id = kernel_call(SYS_gettid, 0, 0, 0, 0);
	return process == id ? OS_LEADER : (uint64_t)process << OS_ID_BITS | (uint64_t)id;
}

bool os_has_ended(uint64_t thread) {
	long process = (long)(thread >> OS_ID_BITS), id = (long)thread & ((1 << OS_ID_BITS) - 1);
	return process && process == kernel_call(SYS_getpid, 0, 0, 0, 0) &&
	       kernel_call(SYS_tgkill, process, id, 0, 0) == -ESRCH;
}

static uint64_t nanoseconds(clockid_t clock) {
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t os_milliseconds(void) { return nanoseconds(CLOCK_MONOTONIC_COARSE) / 1000000; }
uint64_t os_microseconds(void) { return nanoseconds(CLOCK_MONOTONIC) / 1000; }

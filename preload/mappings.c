/* mappings.c: libc's names of the calls that change mappings. Each is the kernel's call, as libc's is, and before it
 * what the program does to pages of the heap is written down (guard/watch.h): that takes a look into the
 * pagemap, and no lock. None of them is a cancellation point. Another library may call them before this one is
 * relocated: then there is no heap yet, and nothing here is read through the tables of the loader.
 *
 * Not in the static library, where libc's own definitions would be in the way. */
#include "export.h"

#include "ground/kernel.h"
#include "guard/watch.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>

int pkey_mprotect(void *address, size_t size, int protection, int key);
int mlock2(const void *address, size_t size, unsigned flags);

/* What the kernel says, as libc says it. */
static long result(long answer) {
	if (likely(answer >= 0 || answer < -4095))
		return answer;
	errno = (int)-answer;
	return -1;
}

static void *result_pointer(long answer) {
	return (void *)result(answer);
} /* NOLINT(performance-no-int-to-ptr) */

EXPORT void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
	if (unlikely(flags & MAP_FIXED) && !watch_note(address, size, ALTERED_OTHER))
		return result_pointer(-ENOMEM);
	return result_pointer(kernel_mmap(address, size, protection, flags, file, offset));
}

EXPORT void *mmap64(void *address, size_t size, int protection, int flags, int file, off_t offset)
        __attribute__((alias("mmap")));

EXPORT int munmap(void *address, size_t size) {
	bool ours = unlikely(watch_has(address, size));
	return (int)result(ours ? watch_unmap(address, size) : kernel_munmap(address, size));
}

/* The target follows only where the flags say so. */
EXPORT void *mremap(void *address, size_t size, size_t new_size, int flags, ...) {
	void *target = NULL;
	if (flags & ~MREMAP_MAYMOVE) {
		va_list arguments;
		va_start(arguments, flags);
		target = va_arg(arguments, void *);
		va_end(arguments);
	}
	bool ours = watch_has(address, size) || (flags & MREMAP_FIXED && watch_has(target, new_size));
	return result_pointer(unlikely(ours) ? watch_move(address, size, new_size, flags, target)
	                                     : kernel_mremap(address, size, new_size, flags, target));
}

EXPORT int mprotect(void *address, size_t size, int protection) {
	bool usual = protection == (PROT_READ | PROT_WRITE);
	if (!usual && !watch_note(address, size, ALTERED_PROTECTION))
		return (int)result(-ENOMEM);
	long answer = kernel_mprotect(address, size, protection);
	if (usual && answer == 0 && altered_exist())
		watch_forget(address, size);
	return (int)result(answer);
}

/* A change of many kinds; what may be lasting is noted first. */
static int change(bool lasting, long number, const void *address, size_t size, long c, long d) {
	if (lasting && !watch_note(address, size, ALTERED_OTHER))
		return (int)result(-ENOMEM);
	return (int)result(kernel_call(number, (long)address, (long)size, c, d));
}

/* Without a key it is mprotect, also before Linux 4.9. */
EXPORT int pkey_mprotect(void *address, size_t size, int protection, int key) {
	return key == -1 ? mprotect(address, size, protection)
	                 : change(true, SYS_pkey_mprotect, address, size, protection, key);
}

/* Advice that leaves nothing behind, or takes back what other advice left; the rest may be lasting. By its numbers,
 * since the headers of older libcs lack some. */
static bool is_passing(int advice) {
	enum {
		NORMAL = 0,
		WILLNEED = 3,
		DONTNEED = 4,
		FREE = 8,
		REMOVE = 9,
		DOFORK = 11,
		UNMERGEABLE = 13,
		DODUMP = 17,
		KEEPONFORK = 19,
		COLD_ = 20,
		COLLAPSE = 25,
		GUARD_REMOVE = 103
	};
	static const uint64_t few = 1ull << NORMAL | 1ull << WILLNEED | 1ull << DONTNEED | 1ull << FREE |
	                            1ull << REMOVE | 1ull << DOFORK | 1ull << UNMERGEABLE | 1ull << DODUMP |
	                            1ull << KEEPONFORK | 0x3full << COLD_;
	return advice == GUARD_REMOVE || ((unsigned)advice <= COLLAPSE && few >> advice & 1);
}

EXPORT int madvise(void *address, size_t size, int advice) {
	return change(!is_passing(advice), SYS_madvise, address, size, advice, 0);
}

EXPORT int mlock(const void *address, size_t size) { return change(true, SYS_mlock, address, size, 0, 0); }

/* Without flags it is mlock, also before Linux 4.4; with some the old kernel finds them wrong. */
EXPORT int mlock2(const void *address, size_t size, unsigned flags) {
	if (!flags)
		return mlock(address, size);
	int done = change(true, SYS_mlock2, address, size, flags, 0);
	if (done != 0 && errno == ENOSYS)
		errno = EINVAL;
	return done;
}

/* Under mlockall it leaves pages that are not as others. */
EXPORT int munlock(const void *address, size_t size) {
	return change(true, SYS_munlock, address, size, 0, 0);
}

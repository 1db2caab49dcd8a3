/* kernel.c (level 0): see kernel.h. */
#include "ground/kernel.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ThreadSanitizer has to see by libc's names what is mapped anew; and tests/kernel_page.h has these names
 * mean a kernel with larger pages. */
#if defined(__SANITIZE_THREAD__) || defined(KERNEL_PAGE)
enum { WATCHED = 1 };
#else
enum { WATCHED = 0 };
#endif

/* NOLINTBEGIN(performance-no-int-to-ptr) */
static long call_libc(long number, long a, long b, long c, long d, long e, long f) {
	int saved = errno;
	long answer;
	switch (WATCHED ? number : -1) {
	case SYS_mmap:
		answer = (long)mmap((void *)a, (size_t)b, (int)c, (int)d, (int)e, f);
		break;
	case SYS_munmap:
		answer = munmap((void *)a, (size_t)b);
		break;
	case SYS_mremap:
		answer = (long)mremap((void *)a, (size_t)b, (size_t)c, (int)d, (void *)e);
		break;
	case SYS_mprotect:
		answer = mprotect((void *)a, (size_t)b, (int)c);
		break;
	case SYS_madvise:
		answer = madvise((void *)a, (size_t)b, (int)c);
		break;
	case SYS_mincore:
		answer = mincore((void *)a, (size_t)b, (unsigned char *)c);
		break;
	default:
		answer = syscall(number, a, b, c, d, e, f);
	}
	if (answer == -1)
		answer = errno ? -errno : -ENOMEM; /* a test's errno may not be the one that libc sets */
	errno = saved;
	return answer;
}
/* NOLINTEND(performance-no-int-to-ptr) */

static long call(long number, long a, long b, long c, long d, long e, long f) {
	if (WATCHED)
		return call_libc(number, a, b, c, d, e, f);
#if defined(__x86_64__)
	register long fourth __asm__("r10") = d, fifth __asm__("r8") = e, sixth __asm__("r9") = f;
	long answer;
	__asm__ volatile("syscall"
	                 : "=a"(answer)
	                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
	                 : "rcx", "r11", "memory");
	return answer;
#elif defined(__aarch64__)
	register long which __asm__("x8") = number, first __asm__("x0") = a, second __asm__("x1") = b;
	register long third __asm__("x2") = c, fourth __asm__("x3") = d, fifth __asm__("x4") = e;
	register long sixth __asm__("x5") = f;
	__asm__ volatile("svc 0"
	                 : "+r"(first)
	                 : "r"(which), "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(sixth)
	                 : "memory");
	return first;
#else
	return call_libc(number, a, b, c, d, e, f);
#endif
}

long kernel_call(long number, long a, long b, long c, long d) { return call(number, a, b, c, d, 0, 0); }

long kernel_mmap(void *address, size_t size, int protection, int flags, int file, long offset) {
	return call(SYS_mmap, (long)address, (long)size, protection, flags, file, offset);
}
long kernel_munmap(void *address, size_t size) {
	return kernel_call(SYS_munmap, (long)address, (long)size, 0, 0);
}
long kernel_mprotect(void *address, size_t size, int protection) {
	return kernel_call(SYS_mprotect, (long)address, (long)size, protection, 0);
}
long kernel_madvise(void *address, size_t size, int advice) {
	return kernel_call(SYS_madvise, (long)address, (long)size, advice, 0);
}
long kernel_mremap(void *address, size_t size, size_t new_size, int flags, void *target) {
	return call(SYS_mremap, (long)address, (long)size, (long)new_size, flags, (long)target, 0);
}

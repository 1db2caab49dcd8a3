/* refuse.h: system calls that the kernel refuses with ENOMEM from a moment on, for good: a seccomp filter. */
#ifndef TESTS_PRELOAD_REFUSE_H
#define TESTS_PRELOAD_REFUSE_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "common.h"

struct kind {
	const char *name;
	int calls[5], n;
	int gives; /* memory may be had or not; else no allocation may fail */
};
static const struct kind kinds[] = {
        {"mmap", {SYS_mmap}, 1, 1},
        {"munmap", {SYS_munmap}, 1, 0},
        {"madvise", {SYS_madvise}, 1, 0},
        {"mremap", {SYS_mremap}, 1, 0},
        {"mprotect", {SYS_mprotect}, 1, 1},
        {"all five", {SYS_mmap, SYS_munmap, SYS_madvise, SYS_mremap, SYS_mprotect}, 5, 1},
};

/* Refuses a kind to the whole process, or to this thread and those it starts. */
static inline int refuse(const struct kind *kind, int everywhere) {
	struct sock_filter load = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_filter deny = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM);
	struct sock_filter code[8] = {load};
	unsigned short n = 1, ncalls = (unsigned short)kind->n;
	for (unsigned short i = 0; i < ncalls; i++) {
		struct sock_filter jump = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)kind->calls[i],
		                                   (unsigned char)(ncalls - i), 0);
		code[n++] = jump;
	}
	code[n++] = allow;
	code[n++] = deny;
	struct sock_fprog program = {n, code};
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, everywhere ? SECCOMP_FILTER_FLAG_TSYNC : 0,
	               &program) == 0;
}

/* In a child: whether the system has such filters, and they do what they should. */
static inline int can_refuse(void) {
	return refuse(&kinds[0], 1) &&
	       mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

#endif

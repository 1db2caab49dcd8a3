/*
 * refused.c: small and medium memory in phases, with madvise refused by a filter of system calls.
 */
#include "churn.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static bool refuse_madvise(void) {
	static struct sock_filter code[] = {
	        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 1),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};
	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "refused",
	        .describe =
	                "small and medium memory in phases, madvise refused by a filter of system calls, as "
	                "in sandboxes; what stays resident",
	        .threads = 1,
	        .option = "--try",
	        .note = "--try: only see whether the system allows it, exit status 3 if not.",
	};
	return churn_main(&self, argc, argv, refuse_madvise);
}

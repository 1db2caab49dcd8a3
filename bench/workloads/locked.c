/*
 * locked.c: small and medium memory in phases, under mlockall: the kernel refuses to take single
 * pages back.
 */
#include "churn.h"

static bool lock_all(void) { return mlockall(MCL_CURRENT | MCL_FUTURE) == 0; }

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "locked",
	        .describe =
	                "small and medium memory in phases, all of it locked by mlockall as audio servers "
	                "and keepers of secrets do; what stays resident",
	        .threads = 1,
	        .option = "--try",
	        .note = "--try: only see whether the system allows it, exit status 3 if not.",
	};
	return churn_main(&self, argc, argv, lock_all);
}

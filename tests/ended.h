/* ended.h: until when a thread that has ended is one for the library: the kernel forgets it a little later than it can be
 * joined. */
#ifndef TESTS_ENDED_H
#define TESTS_ENDED_H

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline int thread_id(void) { return (int)syscall(SYS_gettid); }

static inline void wait_until_ended(int id) {
	while (syscall(SYS_tgkill, getpid(), id, 0) == 0)
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

#endif

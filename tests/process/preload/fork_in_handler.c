/* fork_in_handler.c: a signal handler forks, in the middle of malloc and free of a program of one thread. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/time.h>

#include "common.h"

static volatile sig_atomic_t forks, failed;

static void on_timer(int number) {
	(void)number;
	int saved = errno;
	pid_t child = fork();
	if (child == 0)
		_exit(0); /* the heap may be in the middle of a change, which the child cannot finish */
	failed += !exited_zero(child);
	forks++;
	errno = saved;
}

int main(void) {
	enum { N = 3000 };
	static void *blocks[N];
	struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
	uint64_t state = 5;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (forks < 400) {
		for (size_t i = 0; i < N; i++) {
			free(blocks[i]);
			blocks[i] = malloc(next_random(&state) % (i % 16 ? 2000 : 200000));
		}
	}
	setitimer(ITIMER_REAL, &never, NULL);
	ok(failed == 0, "%d forks from a signal handler in the middle of malloc and free", (int)forks);
	return done();
}

/* cancel.c: threads are cancelled while malloc_stats writes and while malloc_info prints; the heap and the streams go on. */
#define _GNU_SOURCE
#include <malloc.h>
#include <signal.h>

#include "common.h"

static int full[2];

/* Writes until the pipe has room no more: there it is cancelled. */
static void *print_stats(void *unused) {
	for (;;)
		malloc_stats();
	return unused;
}

static void *print_info(void *stream) {
	for (;;)
		malloc_info(0, stream);
	return stream;
}

static int cancelled(void *(*body)(void *), void *argument) {
	void *result;
	pthread_t thread = start(body, argument);
	pause_ms(5);
	return pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0 &&
	       result == PTHREAD_CANCELED;
}

static int heap_goes_on(void) {
	void *block = malloc(100000), *slot = malloc(100);
	int good = block && slot && mallinfo2().uordblks > 0;
	free(block);
	free(slot);
	return good;
}

int main(void) {
	int saved = dup(STDERR_FILENO), stats = 1, info = 1;
	alarm(60);
	signal(SIGPIPE, SIG_IGN); /* what the streams still hold is written at exit */
	for (int i = 0; i < 20; i++) {
		if (pipe(full))
			give_up("no pipe");
		dup2(full[1], STDERR_FILENO);
		stats &= cancelled(print_stats, NULL) && heap_goes_on();
		FILE *stream = fdopen(full[1], "w");
		info &= cancelled(print_info, stream) && heap_goes_on();
		dup2(saved, STDERR_FILENO);
		close(full[0]);
	}
	ok(stats, "20 threads are cancelled in malloc_stats, and the heap goes on");
	ok(info, "20 threads are cancelled in malloc_info, and the heap goes on");
	return done();
}

/* cancel.c: no call of the library is a cancellation point, but for malloc_info, which prints on the caller's stream.
 * Threads with a cancel pending print figures whole, and do not get past a misuse. Others are cancelled while they print;
 * the heap and the streams go on. */
#define _GNU_SOURCE
#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>

#include "buddymalloc.h"
#include "common.h"

#pragma weak bm_stats_print

static int full[2];

static void *print_stats(void *unused) {
	for (;;) {
		malloc_stats();
		pthread_testcancel();
	}
	return unused;
}

/* Writes until the pipe has room no more: there it is cancelled. */
static void *print_info(void *stream) {
	for (;;)
		malloc_info(0, stream);
	return stream;
}

static int was_cancelled(pthread_t thread) {
	void *result;
	return pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED;
}

static int cancelled(void *(*body)(void *), void *argument) {
	pthread_t thread = start(body, argument);
	pause_ms(5);
	return pthread_cancel(thread) == 0 && was_cancelled(thread);
}

static int heap_goes_on(void) {
	void *block = malloc(100000), *slot = malloc(100);
	int good = block && slot && mallinfo2().uordblks > 0;
	free(block);
	free(slot);
	return good;
}

/* ---- a cancel is pending ---- */

static int came_back; /* from the call */

static void *stats_when_pending(void *unused) {
	pthread_cancel(pthread_self());
	malloc_stats();
	came_back = 1;
	pthread_testcancel();
	return unused;
}

static void *print_when_pending(void *unused) {
	pthread_cancel(pthread_self());
	came_back = bm_stats_print(STDERR_FILENO, BM_STATS_TEXT) == 0;
	pthread_testcancel();
	return unused;
}

static void *misuse_when_pending(void *block) {
	pthread_cancel(pthread_self());
	free(block);
	free(block);
	return NULL;
}

/* The text that the thread writes on stderr goes into a file, of which the start is returned. */
static const char *stderr_of(void *(*body)(void *), int *good) {
	static char text[4096];
	int file = memfd_create("stderr", 0), saved = dup(STDERR_FILENO);
	dup2(file, STDERR_FILENO);
	came_back = 0;
	*good = was_cancelled(start(body, NULL)) && came_back;
	dup2(saved, STDERR_FILENO);
	close(saved);
	ssize_t length = pread(file, text, sizeof text - 1, 0);
	close(file);
	text[length > 0 ? length : 0] = 0;
	return text;
}

static void expect_figures(const char *name, void *(*body)(void *)) {
	int good;
	const char *text = stderr_of(body, &good), *end = strstr(text, " major\n");
	ok(good && strncmp(text, "libbuddymalloc: account of cancel", 33) == 0 && end && !end[7],
	   "a cancel is pending: %s prints all, comes back, and the thread is cancelled then", name);
}

static void expect_stop(size_t size) {
	int ends[2], status;
	char text[512] = "";
	if (pipe(ends))
		give_up("no pipe");
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		pthread_join(start(misuse_when_pending, malloc(size)), NULL);
		_exit(0);
	}
	close(ends[1]);
	ssize_t length = read(ends[0], text, sizeof text - 1);
	waitpid(child, &status, 0);
	close(ends[0]);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && length > 0 &&
	           strncmp(text, "libbuddymalloc: free(0x", 23) == 0,
	   "a cancel is pending: %zu bytes freed twice end the process with a sentence", size);
}

int main(void) {
	int saved = dup(STDERR_FILENO), stats = 1, info = 1;
	alarm(60);
	signal(SIGPIPE, SIG_IGN); /* what the streams still hold is written at exit */
	expect_figures("malloc_stats", stats_when_pending);
	if (bm_stats_print)
		expect_figures("bm_stats_print", print_when_pending);
	expect_stop(48);
	expect_stop(100000);
	expect_stop(3 * MB);
	for (int i = 0; i < 20; i++) {
		if (pipe(full))
			give_up("no pipe");
		int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(nowhere, STDERR_FILENO);
		close(nowhere);
		stats &= cancelled(print_stats, NULL) && heap_goes_on();
		FILE *stream = fdopen(full[1], "w");
		info &= cancelled(print_info, stream) && heap_goes_on();
		dup2(saved, STDERR_FILENO);
		close(full[0]);
	}
	ok(stats, "20 threads are cancelled beside malloc_stats, and the heap goes on");
	ok(info, "20 threads are cancelled in malloc_info, and the heap goes on");
	return done();
}

/* stderr.c: a program that does something to its stderr and ends; stderr.t looks where the account at
 * exit has gone.
 * usage: stderr WHAT [FILE] */
#define _GNU_SOURCE
#include <signal.h>

#include "common.h"

enum { NUMBERS = 1100 }; /* more descriptors than the library's copy is away from stderr */

static int open_own(const char *path) { return open(path, O_WRONLY | O_CREAT, 0600); }

/* Closes stderr, and opens a file of its own, which gets its number. */
static int reuse(const char *path) {
	close(STDERR_FILENO);
	return open_own(path) == STDERR_FILENO;
}

/* Closes every descriptor, and opens a file of its own with each number. */
static int reuse_all(const char *path) {
	for (int file = 0; file < NUMBERS; file++)
		close(file);
	int last = -1;
	for (int file = open_own(path); file >= 0 && file < NUMBERS; file = open_own(path))
		last = file;
	return last > STDERR_FILENO;
}

static int put_back(void) {
	int other = dup(STDERR_FILENO);
	close(STDERR_FILENO);
	return dup2(other, STDERR_FILENO) == STDERR_FILENO;
}

static int close_in_child(void) {
	pid_t child = fork();
	if (child == 0) {
		close(STDERR_FILENO);
		exit(0);
	}
	return exited_zero(child);
}

static int count_files(void) {
	int count = 0;
	for (int file = 0; file < NUMBERS; file++)
		count += fcntl(file, F_GETFD) >= 0;
	return count;
}

/* Whether a child has so many files fewer. */
static int has_fewer_in_child(int fewer) {
	int count = count_files();
	pid_t child = fork();
	if (child == 0)
		_exit(count_files() != count - fewer);
	return exited_zero(child);
}

/* Begins again, with a pipe for stderr that nobody reads. */
static int break_pipe(char **argv) {
	int ends[2];
	if (pipe(ends) || dup2(ends[1], STDERR_FILENO) < 0)
		return 0;
	close(ends[0]);
	close(ends[1]);
	argv[1] = "nothing";
	signal(SIGPIPE, SIG_DFL);
	execv("/proc/self/exe", argv);
	return 0;
}

/* Ends with a cancel pending. */
static int cancel(void) {
	pthread_cancel(pthread_self());
	exit(0);
}

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "", *path = argc > 2 ? argv[2] : "";
	free(malloc(1000));
	if (!strcmp(what, "nothing"))
		return 0;
	if (!strcmp(what, "close"))
		return close(STDERR_FILENO) != 0;
	if (!strcmp(what, "reuse"))
		return !reuse(path);
	if (!strcmp(what, "reuse-all"))
		return !reuse_all(path);
	if (!strcmp(what, "put-back"))
		return !put_back();
	if (!strcmp(what, "fork"))
		return !close_in_child();
	if (!strcmp(what, "child-has-all"))
		return !has_fewer_in_child(0);
	if (!strcmp(what, "child-has-one-fewer"))
		return !has_fewer_in_child(1);
	if (!strcmp(what, "cancel"))
		return cancel();
	if (!strcmp(what, "broken"))
		return !break_pipe(argv);
	return 2;
}

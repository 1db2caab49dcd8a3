/* common.h: what the preload programs share: memory and fault counts, block patterns, threads, children.
 * Nothing here calls malloc, so that measuring never changes what is measured. */
#ifndef TESTS_PRELOAD_COMMON_H
#define TESTS_PRELOAD_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define KB           ((size_t)1 << 10)
#define MB           ((size_t)1 << 20)

/* What a program printed before a crash must be seen; and stdout must need no memory when there is none. */
__attribute__((constructor)) static void buffer_stdout(void) {
	static char buffer[4096];
	setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
}

/* A number of the file's line "KEY: N kB", in bytes; 0 if it cannot be read. */
static inline size_t proc_bytes(const char *file, const char *key) {
	char text[4096];
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	if (length <= 0)
		return 0;
	text[length] = 0;
	const char *line = strstr(text, key);
	return line ? (size_t)strtoull(line + strlen(key), NULL, 10) * KB : 0;
}

/* Resident bytes. smaps_rollup counts page by page; statm and status are off by many pages on many CPUs. */
static inline size_t resident(void) {
	size_t exact = proc_bytes("/proc/self/smaps_rollup", "\nRss:");
	return exact ? exact : proc_bytes("/proc/self/status", "\nVmRSS:");
}

static inline size_t grown(size_t since, size_t now) { return now > since ? now - since : 0; }

static inline long faults(void) {
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static inline double cpu_seconds(void) {
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline void pause_ms(long ms) {
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&time, NULL);
}

/* xorshift: the same sequence in every run, no lock */
static inline uint64_t next_random(uint64_t *state) {
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline uint64_t pattern(uint64_t tag, size_t at) {
	return (tag + at / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Bytes from…to of a block get a pattern of tag and place, so that a shifted, stale or foreign copy shows. */
static inline void fill(void *block, size_t from, size_t to, uint64_t tag) {
	char *bytes = (char *)block;
	size_t at = from;
	for (; at < to && at % 8; at++)
		bytes[at] = (char)(pattern(tag, at) >> at % 8 * 8);
	for (; at + 8 <= to; at += 8) {
		uint64_t word = pattern(tag, at);
		memcpy(bytes + at, &word, 8);
	}
	for (; at < to; at++)
		bytes[at] = (char)(pattern(tag, at) >> at % 8 * 8);
}

static inline int intact(const void *block, size_t size, uint64_t tag) {
	const char *bytes = (const char *)block;
	size_t at = 0;
	for (; at + 8 <= size; at += 8) {
		uint64_t word = pattern(tag, at);
		if (memcmp(bytes + at, &word, 8))
			return 0;
	}
	for (; at < size; at++)
		if (bytes[at] != (char)(pattern(tag, at) >> at % 8 * 8))
			return 0;
	return 1;
}

static inline int all_zero(const void *block, size_t size) {
	const char *bytes = (const char *)block;
	return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static inline void give_up(const char *why) {
	printf("Bail out! %s\n", why);
	fflush(stdout);
	_exit(99);
}

static inline pthread_t start(void *(*body)(void *), void *argument) {
	pthread_t thread;
	if (pthread_create(&thread, NULL, body, argument))
		give_up("pthread_create failed");
	return thread;
}

static inline void run_threads(size_t n, void *(*body)(void *)) {
	pthread_t threads[n];
	for (size_t i = 0; i < n; i++)
		threads[i] = start(body, (void *)i);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

static inline int exited_zero(pid_t child) {
	int status;
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

/* Does body, run in a child, return nonzero? A child that hangs is killed by its alarm, and counts as no. */
static inline int in_child(int (*body)(void)) {
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		alarm(30);
		_exit(body() ? 0 : 1);
	}
	return exited_zero(child);
}

#endif

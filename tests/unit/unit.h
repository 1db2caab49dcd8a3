/* unit.h: cmocka with TAP output, and what several unit tests need: stderr captured, the end of a child, a
 * repeatable random number, and a mapping's residence. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ground/os.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a test whose figures are those of a kernel that gives back each page of 4 KB by itself: under one with larger
 * pages (kernel_page.h) it is left out. */
#ifdef KERNEL_PAGE /* cmocka's skip() counts as a failure in TAP */
#define NEEDS_SMALL_PAGES                                                                                    \
	do {                                                                                                 \
		printf("# ok 0 %s # SKIP its figures are those of pages of 4 KB\n", __func__);               \
		return;                                                                                      \
	} while (0)
#else
#define NEEDS_SMALL_PAGES (void)0
#endif

#define TEST(name) static void name(void **state __attribute__((unused)))

/* The last statement of main. */
#define RUN(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

/* ---- stderr, as text ---- */

struct capture {
	int saved, reading;
	char text[4096];
};

static inline void capture_begin(struct capture *capture) {
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	fflush(stderr);
	capture->saved = dup(STDERR_FILENO);
	capture->reading = ends[0];
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
}

static inline const char *capture_end(struct capture *capture) {
	size_t length = 0;
	ssize_t got;
	dup2(capture->saved, STDERR_FILENO); /* closes the pipe's last writing end */
	close(capture->saved);
	while ((got = read(capture->reading, capture->text + length, sizeof capture->text - 1 - length)) > 0)
		length += (size_t)got;
	close(capture->reading);
	capture->text[length] = '\0';
	return capture->text;
}

/* ---- a child ---- */

/* The wait status of a child that runs body(argument) and then exits with 0. */
static inline int status_of(void (*body)(void *), void *argument) {
	int status = -1;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		body(argument);
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static inline bool exited_well(int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }
static inline bool was_aborted(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT; }

/* ---- the rest ---- */

/* Pages of the kernel that this process has of address space. Where a larger page is imitated, the
 * process has others beside. */
static inline size_t virtual_pages(void) {
	size_t pages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");
	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%zu", &pages), 1);
	fclose(statm);
	return pages;
}

/* xorshift64*: the same numbers in every run. */
static inline uint32_t next_random(uint64_t *seed) {
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)(*seed * 0x2545f4914f6cdd1d >> 32);
}

static inline bool is_zero(const void *memory, size_t size) {
	const unsigned char *bytes = memory;
	return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static inline bool is_filled(const void *memory, int byte, size_t size) {
	const unsigned char *bytes = memory;
	return size == 0 || (bytes[0] == (unsigned char)byte && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* Whether all of [address, address + size) is mapped. errno is kept. */
static inline bool is_mapped(void *address, size_t size) {
	static unsigned char present[1 << 16];
	int saved = errno;
	bool mapped = mincore(address, size, present) == 0;
	errno = saved;
	return mapped;
}

/* Whether a byte can be written to, which is zero then. errno is kept. */
static inline bool is_writable(void *address) {
	int saved = errno, zeroes = open("/dev/zero", O_RDONLY);
	bool written = read(zeroes, address, 1) == 1;
	close(zeroes);
	errno = saved;
	return written;
}

/* Whether the kernel's page at an address is there and cannot be written to. */
static inline bool is_fence(void *address) {
	char *page = (char *)address - (uintptr_t)address % (size_t)sysconf(_SC_PAGESIZE);
	return is_mapped(page, 1) && !is_writable(page);
}

/* The pages of 4 KB that are in memory of a mapped range. */
static inline size_t resident_pages(void *address, size_t size) {
	static unsigned char present[1 << 16];
	size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;
	if (mincore(address, size, present) != 0)
		return 0;
	for (size_t i = 0; i < (size + page - 1) / page; i++)
		count += present[i] & 1;
	return count * (page / 4096);
}

#endif

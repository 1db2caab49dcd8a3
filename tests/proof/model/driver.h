/* driver.h: the main function of a model: seeds, byte files, or a fuzzer.
 *
 *	model                        some fixed seeds and one from the clock
 *	model --seed S --steps N     one run, as a failure tells to replay it
 *	model --input FILE           the choices are the bytes of a file
 *	model --corpus DIRECTORY     the same with every file of a directory
 *
 * Compiled with -DFUZZ it has LLVMFuzzerTestOneInput instead of main. The file that includes this defines
 * run(): it ends the process by fail() when the model and its reference differ. */
#ifndef TESTS_DRIVER_H
#define TESTS_DRIVER_H

#include "source.h"

#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { DEFAULT_STEPS = 40000, FIXED_SEEDS = 3 };

static void run(struct source *source, size_t nsteps);

static char replay[4096]; /* the command that runs the same again */

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...) {
	va_list args;
	va_start(args, format);
	fputs("# ", stderr);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

#define EXPECT(holds)                                                                                        \
	do {                                                                                                 \
		if (!(holds))                                                                                \
			fail("%s:%d: %s", __FILE__, __LINE__, #holds);                                       \
	} while (0)

#ifdef FUZZ

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes) {
	struct source source = {.bytes = bytes, .nbytes = nbytes};
	snprintf(replay, sizeof replay, "the input of the fuzzer");
	run(&source, SIZE_MAX);
	return 0;
}

#else

static int run_seed(const char *program, uint64_t seed, size_t nsteps) {
	static int count;
	struct source source = {.seed = seed};
	snprintf(replay, sizeof replay, "%s --seed %llu --steps %zu", program, (unsigned long long)seed,
	         nsteps);
	run(&source, nsteps);
	printf("ok %d - seed %llu, %zu steps\n", ++count, (unsigned long long)seed, nsteps);
	return 0;
}

/* Whether the file could be read. */
static bool run_bytes_of(const char *program, const char *path) {
	static uint8_t bytes[1 << 20];
	FILE *file = fopen(path, "rb");
	if (!file) {
		perror(path);
		return false;
	}
	struct source source = {.bytes = bytes, .nbytes = fread(bytes, 1, sizeof bytes, file)};
	fclose(file);
	snprintf(replay, sizeof replay, "%s --input %s", program, path);
	run(&source, SIZE_MAX);
	return true;
}

static int run_file(const char *program, const char *path) {
	if (!run_bytes_of(program, path))
		return 2;
	printf("1..1\nok 1 - the choices of %s\n", path);
	return 0;
}

static int run_corpus(const char *program, const char *directory) {
	unsigned nfiles = 0, unread = 0;
	struct dirent *entry;
	DIR *files = opendir(directory);
	while (files && (entry = readdir(files))) {
		char path[2048];
		snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
		if (entry->d_name[0] == '.')
			continue;
		nfiles++;
		unread += !run_bytes_of(program, path);
	}
	if (files)
		closedir(files);
	printf("1..1\n%s 1 - the choices of the %u files in %s\n", nfiles && !unread ? "ok" : "not ok",
	       nfiles, directory);
	return nfiles && !unread ? 0 : 1;
}

/* However the run dies, the last line on stderr tells how to see it again. */
static void say_replay(int signal) {
	static const char text[] = "# replay with: ";
	ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
	written += write(STDERR_FILENO, replay, strlen(replay));
	written += write(STDERR_FILENO, "\n", 1);
	(void)written;
	raise(signal); /* SA_RESETHAND: the default now */
}

static void catch_deaths(void) {
	static const int deaths[] = {SIGABRT, SIGSEGV, SIGBUS, SIGALRM};
	struct sigaction action = {.sa_handler = say_replay, .sa_flags = (int)SA_RESETHAND | SA_NODEFER}, old;
	for (size_t i = 0; i < sizeof deaths / sizeof *deaths; i++)
		if (sigaction(deaths[i], NULL, &old) == 0 &&
		    old.sa_handler == SIG_DFL) /* else a sanitizer's */
			sigaction(deaths[i], &action, NULL);
}

static uint64_t seed_of_clock(void) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return 1 + (uint64_t)now.tv_sec % 1000000 * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int main(int argc, char **argv) {
	uint64_t seed = 0;
	size_t nsteps = DEFAULT_STEPS;
	setvbuf(stdout, NULL, _IOLBF, 0);
	catch_deaths();
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--input"))
			return run_file(argv[0], argv[i + 1]);
		if (!strcmp(argv[i], "--corpus"))
			return run_corpus(argv[0], argv[i + 1]);
		if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--steps"))
			nsteps = strtoull(argv[i + 1], NULL, 0);
		else
			argc = 2;
	}
	if (argc % 2 == 0) {
		fprintf(stderr, "usage: %s [--seed S] [--steps N] [--input FILE] [--corpus DIRECTORY]\n",
		        argv[0]);
		return 2;
	}
	printf("1..%d\n", seed ? 1 : FIXED_SEEDS + 1);
	for (uint64_t fixed = 1; !seed && fixed <= FIXED_SEEDS; fixed++)
		run_seed(argv[0], fixed, nsteps);
	return run_seed(argv[0], seed ? seed : seed_of_clock(), nsteps);
}

#endif
#endif

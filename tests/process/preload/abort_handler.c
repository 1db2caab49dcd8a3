/* abort_handler.c: a handler of the SIGABRT that ends a misuse may allocate, unwind the stack and use streams. */
#define _GNU_SOURCE
#include <execinfo.h>
#include <signal.h>

#include "common.h"

static size_t size;

static void on_abort(int number) {
	void *frames[50], *block = malloc(size), *other = calloc(10, 1000);
	char *text = NULL;
	size_t length = 0;
	int n = backtrace(frames, COUNT(frames));
	char **names = backtrace_symbols(frames, n);
	FILE *stream = open_memstream(&text, &length);
	fprintf(stream, "%d frames\n", n);
	fclose(stream);
	_exit(number == SIGABRT && block && other && n > 0 && names && length > 0 ? 0 : 1);
}

static int handles_double_free(void) {
	void *volatile block = malloc(size); /* volatile: the compiler sees the mistake */
	int null = open("/dev/null", O_WRONLY);
	dup2(null, STDERR_FILENO);
	signal(SIGABRT, on_abort);
	free(block);
	free(block);
	return 0;
}

static int handles_foreign_free(void) {
	static char foreign[100];
	void *volatile block = foreign;
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	signal(SIGABRT, on_abort);
	free(block);
	return 0;
}

int main(void) {
	static const size_t sizes[] = {48, 20000, 100000, 3 * MB};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size = sizes[i];
		ok(in_child(handles_double_free), "a handler allocates after a double free of %zu B", size);
	}
	ok(in_child(handles_foreign_free), "and after a free of foreign memory");
	return done();
}

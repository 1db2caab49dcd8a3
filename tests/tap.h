/* tap.h: the Test Anything Protocol for our C tests: ok(), skip(), done(). */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3))) static inline int ok(int holds, const char *name, ...) {
	va_list args;
	printf("%s %d - ", holds ? "ok" : "not ok", ++tap_count);
	va_start(args, name);
	vprintf(name, args);
	va_end(args);
	putchar('\n');
	tap_failed += !holds;
	return holds;
}

static inline void skip(const char *name, const char *reason) {
	printf("ok %d - %s # SKIP %s\n", ++tap_count, name, reason);
}

/* The last statement of main: return done(); */
static inline int done(void) {
	printf("1..%d\n", tap_count);
	fflush(stdout);
	return tap_failed != 0;
}

#endif

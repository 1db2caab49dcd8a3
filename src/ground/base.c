/* base.c (level 0): one line on stderr without stdio, which would allocate. */
#include "ground/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct line {
	char text[512];
	size_t length;
};

static void put_char(struct line *line, char c) {
	if (line->length < sizeof line->text - 1)
		line->text[line->length++] = c;
}

static void put_string(struct line *line, const char *s) {
	while (*s)
		put_char(line, *s++);
}

static void put_number(struct line *line, uintptr_t value, unsigned base) {
	char digits[24];
	unsigned n = 0;
	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		put_char(line, digits[--n]);
}

static void put_pointer(struct line *line, const void *pointer) {
	if (!pointer) {
		put_string(line, "(nil)"); /* as printf's %p has it, so that logs can be compared */
		return;
	}
	put_string(line, "0x");
	put_number(line, (uintptr_t)pointer, 16);
}

static void put_format(struct line *line, const char *format, va_list args) {
	for (; *format; format++) {
		if (*format != '%') {
			put_char(line, *format);
			continue;
		}
		switch (*++format) {
		case 's':
			put_string(line, va_arg(args, const char *));
			break;
		case 'z':
			put_number(line, va_arg(args, size_t), 10);
			break;
		case 'p':
			put_pointer(line, va_arg(args, void *));
			break;
		default:
			put_char(line, *format);
			break;
		}
	}
}

static void say_list(const char *format, va_list args) {
	int saved = errno;
	struct line line = {.length = 0};
	put_string(&line, "libbuddymalloc: ");
	put_format(&line, format, args);
	line.text[line.length++] = '\n'; /* put_char leaves room for it */
	ssize_t written = write(STDERR_FILENO, line.text, line.length);
	(void)written; /* with stderr closed there is nobody to tell */
	errno = saved;
}

void say(const char *format, ...) {
	va_list args;
	va_start(args, format);
	say_list(format, args);
	va_end(args);
}

void die(const char *format, ...) {
	va_list args;
	va_start(args, format);
	say_list(format, args);
	va_end(args);
	abort();
}

/* base.c (level 0): texts, and one line on stderr, without stdio, which would allocate. */
#include "ground/base.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void put_char(struct text *text, char c) {
	if (text->length < text->room)
		text->bytes[text->length++] = c;
}

static void put_string(struct text *text, const char *s) {
	while (*s)
		put_char(text, *s++);
}

static void put_number(struct text *text, uintptr_t value, unsigned base) {
	char digits[24];
	unsigned n = 0;
	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		put_char(text, digits[--n]);
}

static void put_pointer(struct text *text, const void *pointer) {
	if (!pointer) {
		put_string(text, "(nil)"); /* as printf's %p has it, so that logs can be compared */
		return;
	}
	put_string(text, "0x");
	put_number(text, (uintptr_t)pointer, 16);
}

static void put_format(struct text *text, const char *format, va_list args) {
	for (; *format; format++) {
		if (*format != '%') {
			put_char(text, *format);
			continue;
		}
		switch (*++format) {
		case 's':
			put_string(text, va_arg(args, const char *));
			break;
		case 'z':
			put_number(text, va_arg(args, size_t), 10);
			break;
		case 'p':
			put_pointer(text, va_arg(args, void *));
			break;
		default:
			put_char(text, *format);
			break;
		}
	}
}

void text_add(struct text *text, const char *format, ...) {
	va_list args;
	va_start(args, format);
	put_format(text, format, args);
	va_end(args);
}

void say(const char *format, ...) {
	va_list args;
	int saved = errno;
	char bytes[512];
	struct text line = {bytes, sizeof bytes - 1, 0};
	put_string(&line, "libbuddymalloc: ");
	va_start(args, format);
	put_format(&line, format, args);
	va_end(args);
	bytes[line.length++] = '\n';                           /* put_char leaves room for it */
	syscall(SYS_write, STDERR_FILENO, bytes, line.length); /* closed: there is nobody to tell */
	errno = saved;
}

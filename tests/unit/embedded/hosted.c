/* hosted.c: the same tests as a Linux program without libc: two system calls and an entry point. */
#include "firmware.h"

#if defined(__x86_64__)
static long call(long number, long a, long b, long c) {
	long result;
	__asm__ volatile("syscall"
	                 : "=a"(result)
	                 : "a"(number), "D"(a), "S"(b), "d"(c)
	                 : "rcx", "r11", "memory");
	return result;
}
enum { WRITE = 1, EXIT = 60 };
#define ENTRY                                                                                                \
	__attribute__((force_align_arg_pointer)) /* nobody called it: the stack is not as after a call */
#elif defined(__aarch64__)
static long call(long number, long a, long b, long c) {
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b,
	                 x2 __asm__("x2") = c;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}
enum { WRITE = 64, EXIT = 93 };
#define ENTRY
#endif

void write_text(const char *text) {
	long length = 0;
	while (text[length])
		length++;
	call(WRITE, 1, (long)text, length);
}

_Noreturn ENTRY void _start(void);
void _start(void) {
	call(EXIT, run_tests(), 0, 0);
	__builtin_unreachable();
}

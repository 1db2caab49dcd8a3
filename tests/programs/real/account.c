/* account.c: preloaded in front of the library: stops the heap at many instants of a program, and compares the account
 * with what the kernel says. For account.t.
 *
 *	ACCOUNT_OF       the name of the program; others are left alone
 *	ACCOUNT_EVERY    an instant at every so many calls of malloc and its family, 20 and more
 *	ACCOUNT_FILE     what gets a line of each: "OWN THERE HUGE JSON"; OWN are the library's bytes by smaps, HUGE those of
 *	                 them on huge pages, THERE those by mincore
 *
 * 1. All names of the family are taken here and passed on through a gate. At an instant the thread that makes the call
 *    closes the gate and waits until no other thread is inside: then whoever needs the heap is parked before it, and
 *    the heap stands still.
 * 2. What is the library's is told by the mmap, munmap and mremap that it asks the kernel for: a seccomp filter traps
 *    those calls by the address of the instruction, and the handler of the trap makes and notes them. So it does not
 *    depend on what the library believes. The program's own calls are taken here, before the library's names for them.
 * 3. Of /proc/self/smaps the anonymous memory of these ranges is added up, and that of the library's file with its
 *    variables. The kernel merges neighbours: of a mapping that is the library's in part counts the part of its pages
 *    that are there and lie in the range.
 * 4. A program that writes to its blocks between the account and smaps changes what is there: an instant in which smaps
 *    differs before and after counts again.
 * 5. A page that was only read is the kernel's one page of zeros: smaps leaves it out, and mincore, which the library
 *    asks, does not. So more than all may be explained, but not more than THERE. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "buddymalloc.h"
#pragma weak bm_stats_print

/* ---- the ranges that the library has mapped ---- */

enum { RANGES = 1 << 14 };
static struct range { uintptr_t from, end; } ranges[RANGES];
static size_t nranges;
static atomic_flag ranges_lock = ATOMIC_FLAG_INIT;

static void lock_ranges(void) {
	while (atomic_flag_test_and_set(&ranges_lock))
		sched_yield();
}
static void unlock_ranges(void) { atomic_flag_clear(&ranges_lock); }

static void add_range(uintptr_t from, uintptr_t end) {
	if (from >= end)
		return;
	for (size_t i = 0; i < nranges; i++) {
		if (ranges[i].end == from || ranges[i].from == end) {
			ranges[i].from = ranges[i].from < from ? ranges[i].from : from;
			ranges[i].end = ranges[i].end > end ? ranges[i].end : end;
			return;
		}
	}
	if (nranges == RANGES)
		abort();
	ranges[nranges++] = (struct range){from, end};
}

static void cut_range(uintptr_t from, uintptr_t end) {
	for (size_t i = nranges; i-- > 0;) {
		struct range range = ranges[i];
		if (range.end <= from || end <= range.from)
			continue;
		ranges[i] = ranges[--nranges];
		add_range(range.from, range.from < from ? from : range.from);
		add_range(range.end > end ? end : range.end, range.end);
	}
}

static void note(void *mapped, size_t size, void *unmapped, size_t old) {
	lock_ranges();
	if (unmapped)
		cut_range((uintptr_t)unmapped, (uintptr_t)unmapped + ((old + 4095) & ~(size_t)4095));
	if (mapped && mapped != MAP_FAILED) {
		uintptr_t from = (uintptr_t)mapped, end = from + ((size + 4095) & ~(size_t)4095);
		cut_range(from, end);
		add_range(from, end);
	}
	unlock_ranges();
}

/* The mapping of the library's code, which holds bm_stats_print. */
static void find_code(uintptr_t *from, uintptr_t *end) {
	char text[4096];
	size_t length = 0;
	int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	for (ssize_t got; (got = read(file, text + length, sizeof text - 1 - length)) > 0;) {
		text[length + (size_t)got] = '\0';
		char *line = text, *next;
		for (; (next = strchr(line, '\n')); line = next + 1) {
			char *rest;
			uintptr_t a = strtoul(line, &rest, 16), b = strtoul(rest + 1, NULL, 16);
			if (a <= (uintptr_t)bm_stats_print && (uintptr_t)bm_stats_print < b)
				*from = a, *end = b;
		}
		length = strlen(line);
		memmove(text, line, length);
	}
	close(file);
}

static long call_kernel(const greg_t *registers) {
	register long fourth __asm__("r10") = registers[REG_R10], fifth __asm__("r8") = registers[REG_R8],
	                     sixth __asm__("r9") = registers[REG_R9];
	long answer;
	__asm__ volatile("syscall"
	                 : "=a"(answer)
	                 : "a"(registers[REG_RAX]), "D"(registers[REG_RDI]), "S"(registers[REG_RSI]),
	                   "d"(registers[REG_RDX]), "r"(fourth), "r"(fifth), "r"(sixth)
	                 : "rcx", "r11", "memory");
	return answer;
}

/* Makes the call that was trapped, and notes it. */
static void on_trap(int signal, siginfo_t *info, void *context) {
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	registers[REG_RAX] = info->si_syscall;
	long answer = call_kernel(registers);
	void *address = (void *)registers[REG_RDI];
	size_t size = (size_t)registers[REG_RSI];
	(void)signal;
	if (answer < 0 && answer > -4096)
		;
	else if (info->si_syscall == SYS_mmap)
		note((void *)answer, size, NULL, 0);
	else if (info->si_syscall == SYS_munmap)
		note(NULL, 0, address, size);
	else
		note((void *)answer, (size_t)registers[REG_RDX],
		     registers[REG_R10] & MREMAP_DONTUNMAP ? NULL : address, size);
	registers[REG_RAX] = answer;
}

#define LOAD(member, more)      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member) + (more))
#define EQUALS(value, yes, no)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), yes, no)
#define REACHES(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)(value), yes, no)

static void trap_library(void) {
	uintptr_t from = 0, end = 0;
	find_code(&from, &end);
	struct sock_filter filter[] = {
	        LOAD(nr, 0),
	        EQUALS(SYS_mmap, 2, 0),
	        EQUALS(SYS_munmap, 1, 0),
	        EQUALS(SYS_mremap, 0, 5),
	        LOAD(instruction_pointer, 4),
	        EQUALS(from >> 32, 0, 3),
	        LOAD(instruction_pointer, 0),
	        REACHES(from, 0, 1),
	        REACHES(end, 0, 1),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER};
	if (!from || from >> 32 != end >> 32 || sigaction(SIGSYS, &action, NULL) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		abort();
}

/* libc's names, before the library's: the program's calls. */
void *mmap(void *hint, size_t size, int protection, int flags, int file, off_t offset) {
	return (void *)syscall(SYS_mmap, hint, size, protection, flags, file, offset);
}
void *mmap64(void *hint, size_t size, int protection, int flags, int file, off_t offset)
        __attribute__((alias("mmap")));
int munmap(void *address, size_t size) { return (int)syscall(SYS_munmap, address, size); }
void *mremap(void *address, size_t size, size_t new_size, int flags, ...) {
	va_list arguments;
	va_start(arguments, flags);
	void *target = flags & MREMAP_FIXED ? va_arg(arguments, void *) : NULL;
	va_end(arguments);
	return (void *)syscall(SYS_mremap, address, size, new_size, flags, target);
}

/* ---- what the kernel says ---- */

static size_t there(uintptr_t from, uintptr_t end) {
	static unsigned char pages[1 << 16];
	size_t count = 0;
	for (uintptr_t at = from, part; at < end; at += part) {
		part = end - at < sizeof pages * 4096 ? end - at : sizeof pages * 4096;
		if (mincore((void *)at, part, pages))
			return 0;
		for (size_t i = 0; i < part / 4096; i++)
			count += pages[i] & 1;
	}
	return count;
}

/* What of `bytes` in a mapping is the library's. */
static size_t share(uintptr_t from, uintptr_t end, size_t bytes) {
	size_t own = 0, whole = 0;
	if (!bytes)
		return 0;
	for (size_t i = 0; i < nranges; i++) {
		uintptr_t a = ranges[i].from > from ? ranges[i].from : from,
		          b = ranges[i].end < end ? ranges[i].end : end;
		if (a >= b)
			continue;
		if (a == from && b == end)
			return bytes;
		own += there(a, b);
	}
	whole = own ? there(from, end) : 0;
	return whole ? (size_t)((double)bytes * (double)own / (double)whole) : 0;
}

struct smaps {
	size_t own, there, huge; /* bytes of the library that are there; the same by mincore; on huge pages */
};

static struct smaps read_smaps(void) {
	static char text[1 << 16];
	struct smaps sum = {0, 0, 0};
	size_t length = 0;
	uintptr_t from = 0, end = 0, behind = 0; /* the library's file and its variables */
	int file = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
	lock_ranges();
	for (ssize_t got; (got = read(file, text + length, sizeof text - 1 - length)) > 0;) {
		text[length + (size_t)got] = '\0';
		char *line = text, *next, *rest;
		for (; (next = strchr(line, '\n')); line = next + 1) {
			uintptr_t a = strtoul(line, &rest, 16);
			if (*rest == '-') {
				from = a, end = strtoul(rest + 1, NULL, 16), *next = '\0';
				bool file_of_it = strstr(line, "libbuddymalloc") != NULL;
				behind = file_of_it || (from == behind && !strchr(line, '/') &&
				                        end - from < 1 << 20)
				                 ? end
				                 : 0;
			} else if (!strncmp(line, "Anonymous:", 10)) {
				size_t bytes = strtoul(line + 10, NULL, 10) * 1024;
				size_t own = behind == end ? bytes : share(from, end, bytes);
				sum.own += own;
				sum.there += behind == end ? bytes : 0;
			} else if (!strncmp(line, "AnonHugePages:", 14))
				sum.huge += share(from, end, strtoul(line + 14, NULL, 10) * 1024);
		}
		length = strlen(line);
		memmove(text, line, length);
	}
	for (size_t i = 0; i < nranges; i++)
		sum.there += there(ranges[i].from, ranges[i].end) * 4096;
	unlock_ranges();
	close(file);
	return sum;
}

/* ---- the gate ---- */

static atomic_bool closed;
static atomic_size_t inside, calls;
static size_t every;
static const char *file_name;
static _Thread_local int depth;

static void write_instant(void) {
	struct smaps before, after;
	int file = open(file_name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600), tries = 20, ends[2];
	static char json[4096], line[64];
	ssize_t got = 0;
	do {
		before = read_smaps();
		if (pipe(ends))
			abort();
		bm_stats_print(ends[1], BM_STATS_JSON);
		got = read(ends[0], json, sizeof json);
		close(ends[0]), close(ends[1]);
		after = read_smaps();
	} while ((before.own > after.own ? before.own - after.own : after.own - before.own) >
	                 before.own / 500 &&
	         --tries);
	int length = snprintf(line, sizeof line, "%zu %zu %zu ", after.own, after.there, after.huge);
	if (write(file, line, (size_t)length) != length || write(file, json, (size_t)got) != got)
		abort();
	close(file);
}

static void take_instant(void) {
	int saved = errno;
	bool was = false;
	if (!atomic_compare_exchange_strong(&closed, &was, true))
		return; /* another thread is at it */
	while (atomic_load(&inside))
		sched_yield();
	depth++;
	write_instant();
	depth--;
	atomic_store(&closed, false);
	errno = saved;
}

static void begin(void);

static void enter(void) {
	static bool begun;
	if (depth++)
		return;
	if (!begun && environ) {
		begun = true;
		begin();
	}
	if (!every)
		return;
	if (atomic_fetch_add(&calls, 1) % every == every - 1)
		take_instant();
	for (;;) {
		atomic_fetch_add(&inside, 1);
		if (!atomic_load(&closed))
			return;
		atomic_fetch_sub(&inside, 1);
		while (atomic_load(&closed))
			sched_yield();
	}
}
static void leave(void) {
	if (--depth == 0 && every)
		atomic_fetch_sub(&inside, 1);
}

/* ---- the names ---- */

#define NEXT(name, type, parameters)                                                                         \
	static type(*next) parameters;                                                                       \
	if (!next)                                                                                           \
		next = (type(*) parameters)dlsym(RTLD_NEXT, #name);

#define PASS(name, type, parameters, arguments)                                                              \
	type name parameters;                                                                                \
	type name parameters {                                                                               \
		NEXT(name, type, parameters)                                                                 \
		enter();                                                                                     \
		type answer = next arguments;                                                                \
		leave();                                                                                     \
		return answer;                                                                               \
	}
#define PASS_VOID(name, parameters, arguments)                                                               \
	void name parameters;                                                                                \
	void name parameters {                                                                               \
		NEXT(name, void, parameters)                                                                 \
		enter();                                                                                     \
		next arguments;                                                                              \
		leave();                                                                                     \
	}

PASS(malloc, void *, (size_t a), (a))
PASS(calloc, void *, (size_t a, size_t b), (a, b))
PASS(realloc, void *, (void *p, size_t a), (p, a))
PASS(reallocarray, void *, (void *p, size_t a, size_t b), (p, a, b))
PASS(memalign, void *, (size_t a, size_t b), (a, b))
PASS(aligned_alloc, void *, (size_t a, size_t b), (a, b))
PASS(posix_memalign, int, (void **p, size_t a, size_t b), (p, a, b))
PASS(malloc_trim, int, (size_t a), (a))
PASS_VOID(free, (void *p), (p))
/* operator new and delete */
PASS(_Znwm, void *, (size_t a), (a))
PASS(_Znam, void *, (size_t a), (a))
PASS_VOID(_ZdlPv, (void *p), (p))
PASS_VOID(_ZdaPv, (void *p), (p))
PASS_VOID(_ZdlPvm, (void *p, size_t a), (p, a))
PASS_VOID(_ZdaPvm, (void *p, size_t a), (p, a))

static void open_again(void) { atomic_store(&inside, 0); }

/* Before the first call reaches the heap. */
static void begin(void) {
	const char *of = getenv("ACCOUNT_OF"), *number = getenv("ACCOUNT_EVERY");
	file_name = getenv("ACCOUNT_FILE");
	if (!of || !number || !file_name || strcmp(of, program_invocation_short_name) || !bm_stats_print)
		return;
	trap_library();
	pthread_atfork(NULL, NULL, open_again);
	every = strtoul(number, NULL, 10);
}

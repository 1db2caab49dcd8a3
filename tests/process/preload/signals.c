/* signals.c: a timer signal interrupts malloc everywhere; its handler does what a handler may do.
 * It leaves by siglongjmp only when the program is outside malloc: leaving from inside is undefined. */
#define _GNU_SOURCE
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>

#include "common.h"

static volatile sig_atomic_t ticks, jumps, inside, may_jump;
static sigjmp_buf outside;
static int pipe_ends[2];

static void on_timer(int number) {
	(void)number;
	int saved = errno;
	char byte = 't';
	ticks++;
	if (write(pipe_ends[1], &byte, 1) == 1 && read(pipe_ends[0], &byte, 1) != 1)
		_exit(4);
	errno = saved;
	if (may_jump && !inside) {
		jumps++;
		siglongjmp(outside, 1);
	}
}

static void guarded_free(void *block) {
	inside = 1;
	free(block);
	inside = 0;
}

static void *guarded_malloc(size_t size) {
	inside = 1;
	void *block = malloc(size);
	inside = 0;
	return block;
}

static void *guarded_realloc(void *block, size_t size) {
	inside = 1;
	block = realloc(block, size);
	inside = 0;
	return block;
}

/* All state is static, to survive the jump. A block being changed is out of its table, and lost by a jump. */
static char *volatile blocks[256];
static volatile size_t sizes[256];
static uint64_t state = 3;
static volatile int good = 1;

static char *changed(char *old, size_t old_size, size_t size, size_t at) {
	if (old && at % 2) {
		char *block = guarded_realloc(old, size);
		if (!intact(block, old_size < size ? old_size : size, at))
			good = 0;
		return block;
	}
	if (old && !intact(old, old_size, at))
		good = 0;
	guarded_free(old);
	return guarded_malloc(size);
}

static void one_change(void) {
	size_t at = next_random(&state) % 256, bits = next_random(&state) % 18;
	size_t size = next_random(&state) % ((size_t)1 << bits) + 1;
	char *old = blocks[at];
	blocks[at] = NULL;
	char *block = changed(old, sizes[at], size, at);
	fill(block, 0, size, at);
	sizes[at] = size;
	blocks[at] = block;
}

static void run(double duration) {
	double begin = cpu_seconds();
	sigsetjmp(outside, 1);
	while (cpu_seconds() - begin < duration)
		one_change();
}

static void set_timer(long us) {
	struct itimerval timer = {{0, us}, {0, us}};
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* The handler on a stack from malloc itself. */
static void use_own_stack(void) {
	stack_t stack = {.ss_sp = malloc(64 * KB), .ss_size = 64 * KB};
	sigaltstack(&stack, NULL);
	struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART | SA_ONSTACK};
	sigaction(SIGALRM, &action, NULL);
}

int main(void) {
	if (pipe(pipe_ends))
		give_up("pipe failed");
	use_own_stack();
	set_timer(100);
	run(0.5);
	may_jump = 1;
	run(1);
	may_jump = 0;
	set_timer(0);
	ok(ticks > 100, "%d signals", (int)ticks);
	ok(jumps > 10, "%d of them left their handler by siglongjmp", (int)jumps);
	ok(good, "every block was intact");
	int rest = 1;
	for (size_t i = 0; i < 256; i++) {
		rest &= !blocks[i] || intact(blocks[i], sizes[i], i);
		free(blocks[i]);
	}
	ok(rest, "and is freed in the end");
	return done();
}

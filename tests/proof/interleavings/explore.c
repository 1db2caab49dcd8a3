/* explore.c: see explore.h. Compiled without ThreadSanitizer, which would take the scheduler's own variables
 * for shared. */
#include "explore.h"

#include "tap.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { STACK = 256 * 1024, CHOICES_MAX = 4096, SECONDS_MAX = 20 };

void *__tsan_get_current_fiber(void) __attribute__((weak));
void *__tsan_create_fiber(unsigned flags) __attribute__((weak));
void __tsan_switch_to_fiber(void *fiber, unsigned flags) __attribute__((weak));
void __tsan_acquire(void *object) __attribute__((weak));
void __tsan_release(void *object) __attribute__((weak));
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "halt_on_error=1"; }

enum { NO_ORDER = 1 }; /* __tsan_switch_to_fiber's flag */

static struct thread {
	ucontext_t context;
	void *fiber;
	bool over;
	const unsigned *asleep; /* the futex it sleeps on */
	int error;              /* its errno */
	_Alignas(16) char stack[STACK];
} threads[EXPLORED_MAX];
static struct thread scheduler; /* main: begins and ends the runs */

static const struct scenario *scenario;
static struct thread *current; /* NULL: no run is under way */
static unsigned preempted, bound;
static bool woke; /* a futex by itself, in this run */

/* The choices of a run, in order: which of how many. The next run takes the next branch of the last one. */
static struct choice { unsigned char taken, n; } path[CHOICES_MAX];
static unsigned length, depth;

/* ---- failure ---- */

static void print_path(void) {
	printf("# the choices:");
	for (unsigned i = 0; i < depth; i++)
		printf(" %u", path[i].taken);
	printf("\n");
}

static _Noreturn void fail(const char *what) {
	current = NULL;
	ok(0, "%s", scenario->name);
	printf("# %s\n", what);
	print_path();
	exit(done());
}

void expect(int holds, const char *what) {
	if (!holds)
		fail(what);
}

/* A crash, or a run that takes SECONDS_MAX. */
static void die_of(int signal) {
	if (signal == SIGALRM)
		fail("a run without end");
	print_path();
	fflush(stdout);
	raise(signal); /* SA_RESETHAND: the default now */
}

static void catch_deaths(void) {
	static const int deaths[] = {SIGALRM, SIGSEGV, SIGBUS, SIGABRT};
	struct sigaction action = {.sa_handler = die_of, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
	for (unsigned i = 0; i < sizeof deaths / sizeof *deaths; i++)
		sigaction(deaths[i], &action, NULL);
}

/* ---- choices ---- */

static unsigned choose(unsigned n) {
	if (n == 1)
		return 0;
	if (depth == CHOICES_MAX)
		fail("a run without end");
	if (depth == length)
		path[length++] = (struct choice){0, (unsigned char)n};
	if (path[depth].n != n)
		fail("another run than before, with the same choices");
	return path[depth++].taken;
}

static bool next_path(void) {
	while (length && path[length - 1].taken + 1 == path[length - 1].n)
		length--;
	if (length)
		path[length - 1].taken++;
	return length;
}

/* ---- threads ---- */

static void switch_to(struct thread *to, unsigned flags) {
	struct thread *from = current ? current : &scheduler;
	current = to == &scheduler ? NULL : to;
	if (to->fiber)
		__tsan_switch_to_fiber(to->fiber, flags);
	swapcontext(&from->context, &to->context);
}

/* errno is this: of a thread of its own, where the C library's would be shared. */
int *__errno_location(void) { return current ? &current->error : &scheduler.error; }

static bool is_able(const struct thread *thread) { return !thread->over && !thread->asleep; }

/* Lets a thread go on: the current one, if it can; or, at the price of a preemption then, another. */
static void pass_on(void) {
	struct thread *able[EXPLORED_MAX];
	unsigned n = 0;
	bool can_stay = is_able(current);
	if (can_stay)
		able[n++] = current;
	for (struct thread *other = threads; other < threads + scenario->nthreads; other++)
		if (other != current && is_able(other))
			able[n++] = other;
	if (n == 0)
		fail("all threads sleep");
	unsigned taken = choose(can_stay && preempted == bound ? 1 : n);
	preempted += can_stay && taken;
	if (able[taken] != current)
		switch_to(able[taken], NO_ORDER);
}

void step(void) {
	if (current)
		pass_on();
}

static bool all_over(void) {
	for (unsigned i = 0; i < scenario->nthreads; i++)
		if (!threads[i].over)
			return false;
	return true;
}

/* A context lives on from run to run. What main does before and after a run is ordered with it. */
static void live(unsigned i) {
	for (;;) {
		if (__tsan_acquire)
			__tsan_acquire(&scheduler);
		scenario->thread(i);
		if (__tsan_release)
			__tsan_release(&threads);
		threads[i].over = true;
		if (all_over())
			switch_to(&scheduler, 0);
		else
			pass_on();
	}
}

static void make_thread(unsigned i) {
	ucontext_t *context = &threads[i].context;
	getcontext(context);
	context->uc_stack.ss_sp = threads[i].stack;
	context->uc_stack.ss_size = STACK;
	makecontext(context, (void (*)(void))(uintptr_t)live, 1, i);
	if (__tsan_create_fiber)
		threads[i].fiber = __tsan_create_fiber(0);
}

static void make_threads(void) {
	for (unsigned i = 0; i < EXPLORED_MAX; i++)
		make_thread(i);
	if (__tsan_get_current_fiber)
		scheduler.fiber = __tsan_get_current_fiber();
}

static void run_once(void) {
	depth = preempted = 0;
	woke = false;
	alarm(SECONDS_MAX);
	for (unsigned i = 0; i < scenario->nthreads; i++)
		threads[i].over = false, threads[i].asleep = NULL;
	scenario->begin();
	if (__tsan_release)
		__tsan_release(&scheduler);
	switch_to(&threads[choose(scenario->nthreads)], 0);
	if (__tsan_acquire)
		__tsan_acquire(&threads);
	scenario->end();
}

void explore(const struct scenario *explored) {
	const char *more = getenv("BM_PREEMPTIONS");
	unsigned long nruns = 0;
	scenario = explored;
	bound = scenario->preemptions + (more ? (unsigned)atoi(more) : 0);
	if (!threads[0].context.uc_stack.ss_sp)
		make_threads();
	catch_deaths();
	length = 0;
	do {
		run_once();
		nruns++;
	} while (next_path());
	if (bound >= NO_BOUND)
		ok(1, "%s: %u threads, all %lu schedules", scenario->name, scenario->nthreads, nruns);
	else
		ok(1, "%s: %u threads, the %lu schedules with at most %u preemptions", scenario->name,
		   scenario->nthreads, nruns, bound);
}

int explored(void) { return done(); }

/* ---- futexes; linked with --wrap=syscall ---- */

static long futex_wait(const unsigned *word, unsigned value) {
	step();
	if (*word != value) {
		errno = EAGAIN;
		return -1;
	}
	if (!woke && choose(2)) { /* it may wake by itself */
		woke = true;
		return 0;
	}
	current->asleep = word;
	pass_on();
	return 0;
}

static long futex_wake(const unsigned *word) {
	struct thread *sleepers[EXPLORED_MAX];
	unsigned n = 0;
	step();
	for (struct thread *thread = threads; thread < threads + scenario->nthreads; thread++)
		if (thread->asleep == word)
			sleepers[n++] = thread;
	if (n)
		sleepers[choose(n)]->asleep = NULL;
	return n != 0;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, long first, long second, long third, long fourth);
long __wrap_syscall(long number, long first, long second, long third, long fourth) {
	const unsigned *word = (const unsigned *)first;
	if (number != SYS_futex) /* what threads do not share: text, files, random numbers */
		return __real_syscall(number, first, second, third, fourth);
	return (second & FUTEX_CMD_MASK) == FUTEX_WAIT ? futex_wait(word, (unsigned)third) : futex_wake(word);
}

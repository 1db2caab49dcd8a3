/* soak.c: threads use the heap in every way for as long as wanted; lost or damaged blocks and hangs show.
 *
 *	soak [SECONDS [THREADS [SEED]]]        default: 10 seconds, 16 threads, a seed from the clock
 *
 * Each seat has one thread after another: it allocates, changes, frees, hands blocks to other threads through
 * queues, forks, and ends; its last blocks are freed by others. Every block has a seal and a pattern that are
 * verified when it is changed or freed. Now and then all threads pause: what lies in the queues is verified,
 * the heap's account is compared with what the seats hold, and the engine's own checkers are called where
 * they are linked in (checkers.h). A seat that makes no step for 30 seconds ends the soak, with what every
 * seat is doing and its stack.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <execinfo.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "process/preload/common.h"
#include "checkers.h"

enum { SEATS_MAX = 256, KEPT = 48, QUEUES = 4, QUEUE_LENGTH = 256 };
enum { CHILDREN_MAX = 3, CHILD_THREADS = 3, CHILD_STEPS = 400, FORK_MS = 20 };
enum { HANG_SECONDS = 30, CHILD_SECONDS = 90, PAUSE_SECONDS = 60, FAULTS_SHOWN = 10 };
enum { DENSE = 2048, SPARSE = 64, PAGE = 4096 }; /* painted: all of the first bytes, some of each page */

static const size_t budget = 192 * MB; /* of large sizes, live at a time */

struct seat {
	const char *_Atomic doing;
	atomic_ulong steps;
	atomic_int tid;
	long live_bytes; /* usable bytes made here less those freed here: the sum over all seats is what is live */
	unsigned long lives, made, passed;
};

struct block {
	uint32_t size, tag;
	uint64_t seal;
};

static struct seat seats[SEATS_MAX + CHILD_THREADS + 1];
static _Thread_local struct seat *seat;
static unsigned nseats;
static uint64_t seed;
static bool is_child;
static atomic_size_t live_large;
static atomic_int nfaults;
static atomic_bool ending;

static void doing(const char *what) {
	atomic_store_explicit(&seat->doing, what, memory_order_relaxed);
	atomic_fetch_add_explicit(&seat->steps, 1, memory_order_relaxed);
}

/* ---- blocks ---- */

static void report(const char *what, const struct block *block, size_t size) {
	if (atomic_fetch_add(&nfaults, 1) < FAULTS_SHOWN)
		dprintf(STDERR_FILENO, "# %s%s, in %s: block %p of %zu bytes\n",
		        is_child ? "in a child: " : "", what, seat->doing, (const void *)block, size);
}

static uint64_t seal_of(const struct block *block) {
	return ((uintptr_t)block + ((uint64_t)block->size << 32 | block->tag)) *
	               UINT64_C(0x9e3779b97f4a7c15) |
	       1;
}

struct range {
	size_t from, to;
};

static size_t lesser(size_t a, size_t b) { return a < b ? a : b; }

/* The painted range that begins at or after `at` in a block of `size` bytes; empty: none is left. */
static struct range range_after(size_t at, size_t size) {
	size_t page = (at + PAGE - 1) / PAGE * PAGE;
	if (at < DENSE)
		return (struct range){at, lesser(DENSE, size)};
	if (page < size)
		return (struct range){page, lesser(page + SPARSE, size)};
	return (struct range){at < size - SPARSE ? size - SPARSE : at, size};
}

#define FOR_RANGES(range, size)                                                                              \
	for (struct range range = range_after(sizeof(struct block), size); range.from < range.to;            \
	     range = range_after(range.to, size))

static void paint(struct block *block, size_t size, uint64_t random) {
	block->size = (uint32_t)size;
	block->tag = (uint32_t)random;
	block->seal = seal_of(block);
	FOR_RANGES(range, size) fill(block, range.from, range.to, block->tag);
}

static bool is_painted(const struct block *block, struct range range) {
	const char *bytes = (const char *)block;
	for (size_t at = range.from; at < range.to; at++)
		if (bytes[at] != (char)(pattern(block->tag, at) >> at % 8 * 8))
			return false;
	return true;
}

/* Whether what was painted for `size` bytes is still there in the first `kept`. */
static bool keeps_paint(const struct block *block, size_t size, size_t kept) {
	FOR_RANGES(range, size) {
		range.to = lesser(range.to, kept);
		if (range.from >= kept)
			break;
		if (!is_painted(block, range))
			return false;
	}
	return true;
}

static bool is_intact(const struct block *block) {
	if (block->seal != seal_of(block)) {
		report(block->seal ? "a seal is broken" : "a block was freed before", block, block->size);
		return false;
	}
	if (!keeps_paint(block, block->size, block->size)) {
		report("content is damaged", block, block->size);
		return false;
	}
	return true;
}

static size_t draw_size(uint64_t *random) {
	uint64_t kind = next_random(random) % 1024, draw = next_random(random);
	if (kind < 720 || atomic_load_explicit(&live_large, memory_order_relaxed) > budget)
		return draw % 1024;
	if (kind < 940)
		return draw % (33 * KB);
	if (kind < 980) /* around the powers of two, where classes and kinds end */
		return ((size_t)1 << (3 + draw % 18)) - 2 + draw / 64 % 5;
	if (kind < 1018)
		return draw % (1 * MB);
	return 1 * MB + draw % (7 * MB);
}

static void count(const struct block *block, long sign) {
	size_t usable = malloc_usable_size((void *)block);
	seat->live_bytes += sign * (long)usable;
	if (usable > 32 * KB)
		atomic_fetch_add_explicit(&live_large, (size_t)(sign * (long)usable), memory_order_relaxed);
}

static void *take_aligned(uint64_t random, size_t align, size_t size) {
	void *block = NULL;
	switch (random % 3) {
	case 0:
		return aligned_alloc(align, size);
	case 1:
		return memalign(align, size);
	default:
		align = align < sizeof block ? sizeof block : align;
		return posix_memalign(&block, align, size) ? NULL : block;
	}
}

static void *take_zeroed(uint64_t random, size_t size) {
	size_t n = 1 + random % 8;
	struct block *block = calloc(n, (size + n - 1) / n);
	if (block && !all_zero(block, size))
		report("calloc's block is not zero", block, size);
	return block;
}

static struct block *make(uint64_t *random) {
	size_t size = draw_size(random), align = 16;
	uint64_t kind = next_random(random) % 16, draw = next_random(random);
	struct block *block;
	doing("make");
	if (kind < 2) {
		align = (size_t)1 << draw % (size < 64 * KB ? 16 : 22);
		block = take_aligned(draw / 64, align, size);
	} else if (kind < 5)
		block = take_zeroed(draw, size);
	else
		block = kind == 5 ? reallocarray(NULL, 1, size) : malloc(size);
	if (!block)
		give_up("no memory");
	if ((uintptr_t)block % align)
		report("not aligned", block, size);
	if (malloc_usable_size(block) < (size < sizeof *block ? sizeof *block : size))
		report("too short", block, size);
	seat->made++;
	count(block, 1);
	paint(block, size, draw >> 32);
	return block;
}

static void drop(struct block *block) {
	if (!block)
		return;
	doing("drop");
	if (!is_intact(block))
		return;
	count(block, -1);
	block->seal = 0;
	free(block);
}

static struct block *change(struct block *block, uint64_t *random) {
	doing("change");
	if (!is_intact(block))
		return NULL;
	struct block was = *block;
	size_t size = draw_size(random) + 1;
	count(block, -1);
	block = realloc(block, size);
	if (!block)
		give_up("no memory");
	count(block, 1);
	bool kept = memcmp(block, &was, lesser(size, sizeof was)) ==
	            0; /* a block shorter than its seal loses it */
	if (!kept || (size > sizeof was && !keeps_paint(block, was.size, lesser(was.size, size))))
		report("realloc lost content", block, size);
	paint(block, size, next_random(random));
	return block;
}

/* ---- queues ---- */

static struct queue {
	atomic_uint tail;
	_Atomic(struct block *) place[QUEUE_LENGTH];
} queues[QUEUES];

/* Puts a block (or none) at the end; the answer is the one that was put there a round ago. */
static struct block *pass(struct block *block, uint64_t *random) {
	struct queue *queue = &queues[next_random(random) % QUEUES];
	seat->passed += block != NULL;
	return atomic_exchange(&queue->place[atomic_fetch_add(&queue->tail, 1) % QUEUE_LENGTH], block);
}

static void drop_queues(void) {
	for (struct queue *queue = queues; queue < queues + QUEUES; queue++)
		for (unsigned i = 0; i < QUEUE_LENGTH; i++)
			drop(atomic_exchange(&queue->place[i], NULL));
}

static void verify_queues(void) {
	for (struct queue *queue = queues; queue < queues + QUEUES; queue++)
		for (unsigned i = 0; i < QUEUE_LENGTH; i++)
			if (queue->place[i] && !is_intact(queue->place[i]))
				queue->place[i] = NULL; /* reported once */
}

/* ---- one life ---- */

enum role { KEEPER, MAKER, TAKER, ROLES };

struct life {
	uint64_t random;
	enum role role;
	struct block *kept[KEPT];
};

static void read_figures(uint64_t kind) {
	char *text = NULL;
	size_t size = 0;
	switch (kind % 4) {
	case 0:
		doing("malloc_trim");
		malloc_trim(0);
		break;
	case 1:
		doing("mallinfo2");
		(void)mallinfo2();
		break;
	default:
		doing("malloc_info");
		FILE *stream = open_memstream(&text, &size);
		if (!stream || malloc_info(0, stream) || fclose(stream))
			report("malloc_info failed", NULL, 0);
		free(text);
	}
}

static void fork_child(struct life *life);

static void step(struct life *life) {
	uint64_t kind = next_random(&life->random) % 16, rare = next_random(&life->random) % 8192;
	struct block **kept = &life->kept[next_random(&life->random) % KEPT];
	if (rare < 2)
		read_figures(life->random / 64);
	else if (rare < 16 && !is_child)
		fork_child(life);
	else if (life->role == TAKER && kind < 8)
		drop(pass(NULL, &life->random));
	else if (!*kept)
		*kept = make(&life->random);
	else if (kind < 3)
		*kept = change(*kept, &life->random);
	else if (kind < (life->role == MAKER ? 14 : 8))
		*kept = pass(*kept, &life->random);
	else
		drop(*kept), *kept = NULL;
}

/* Leaves what it holds to the others. */
static void end_life(struct life *life) {
	for (unsigned i = 0; i < KEPT; i++)
		drop(pass(life->kept[i], &life->random));
	memset(life->kept, 0, sizeof life->kept);
}

static void begin_life(struct life *life, struct seat *own) {
	uint64_t salt = own->lives << 16 | (uint64_t)(own - seats);
	seat = own;
	atomic_store(&seat->tid, (int)syscall(SYS_gettid));
	memset(life, 0, sizeof *life);
	life->random = (seed * 1000003 + salt) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	life->role = (enum role)(next_random(&life->random) % ROLES);
	seat->lives++;
}

/* ---- pauses ---- */

static const char pausing_text[] = "pause";
static atomic_bool pausing;
static unsigned nrunning, npaused; /* guarded by the gate */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void pause_if_wanted(void) {
	if (!atomic_load_explicit(&pausing, memory_order_relaxed))
		return;
	doing(pausing_text);
	pthread_mutex_lock(&gate);
	npaused++;
	pthread_cond_broadcast(&changed);
	while (pausing)
		pthread_cond_wait(&changed, &gate);
	npaused--;
	pthread_mutex_unlock(&gate);
	doing("go on");
}

static void *live(void *own);

/* A thread makes its successor, so that the seat is never empty and ends overlap with beginnings. */
static void leave_seat(void) {
	pthread_t successor;
	doing("leave");
	if (!ending) {
		int error = pthread_create(&successor, NULL, live, seat);
		if (error)
			give_up("pthread_create failed");
		pthread_detach(successor);
		return;
	}
	pthread_mutex_lock(&gate);
	nrunning--;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&gate);
}

/* The end of a thread is a destructor's: it allocates, frees, and makes the next thread. */
static pthread_key_t last_words;

static void speak_last_words(void *block) {
	uint64_t random = ((struct block *)block)->tag | 1;
	drop(pass(make(&random), &random));
	drop(block);
	if (!is_child)
		leave_seat();
}

static void *live(void *own) {
	struct life life;
	begin_life(&life, own);
	uint64_t nsteps = 50 + next_random(&life.random) % (next_random(&life.random) % 4 ? 2000 : 40000);
	for (uint64_t i = 0; i < (is_child ? CHILD_STEPS : nsteps) && !ending; i++) {
		pause_if_wanted();
		step(&life);
	}
	pthread_setspecific(last_words, make(&life.random));
	end_life(&life);
	return NULL;
}

/* ---- children ---- */

static struct child {
	atomic_int pid; /* 0: none, -1: being made */
	time_t since;
} children[CHILDREN_MAX];
static unsigned long nchildren, nchildren_failed;

static long now_ms(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static time_t now(void) { return now_ms() / 1000; }

static void show_stack(int signal) {
	void *frames[32];
	dprintf(STDERR_FILENO, "#   stack of a thread in %s:\n", seat ? seat->doing : "nothing");
	backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
	if (signal == SIGALRM)
		_exit(3);
}

static void use_heap(struct life *life) {
	pthread_t threads[CHILD_THREADS];
	for (unsigned i = 0; i < CHILD_STEPS; i++)
		step(life);
	for (unsigned i = 0; i < CHILD_THREADS; i++)
		threads[i] = start(live, &seats[SEATS_MAX + 1 + i]);
	for (unsigned i = 0; i < CHILD_THREADS; i++)
		pthread_join(threads[i], NULL);
	drop_queues();
}

/* Only the forking thread is there. What it held, and what lay in the queues, is the child's as well. Most
 * children are short, so that there are many: what counts is the instant of the fork. */
_Noreturn static void be_child(struct life *life) {
	char text[64];
	is_child = true;
	pausing = ending = false;
	nfaults = 0;
	alarm(CHILD_SECONDS);
	verify_queues();
	end_life(life);
	if (life->random % 4 == 0)
		use_heap(life);
	const char *fault = heap_fault ? heap_fault(text, sizeof text) : NULL;
	if (fault)
		dprintf(STDERR_FILENO, "# in a child: %s\n", fault), nfaults++;
	if (life->random % 2)
		_exit(nfaults != 0);
	exit(nfaults != 0); /* with the destructors of the libraries */
}

static void fork_child(struct life *life) {
	static atomic_long last_ms;
	if (now_ms() - last_ms < FORK_MS)
		return;
	last_ms = now_ms();
	for (struct child *child = children; child < children + CHILDREN_MAX; child++) {
		int none = 0;
		if (!atomic_compare_exchange_strong(&child->pid, &none, -1))
			continue;
		doing("fork");
		child->since = now();
		int pid = fork();
		if (pid == 0)
			be_child(life);
		if (pid < 0)
			report("fork failed", NULL, 0);
		atomic_store(&child->pid, pid < 0 ? 0 : pid);
		return;
	}
}

/* Whether one is still there. A child ends itself by its alarm when it hangs, and shows where. */
static bool reap_children(void) {
	bool any = false;
	for (struct child *child = children; child < children + CHILDREN_MAX; child++) {
		int status, pid = child->pid;
		any |= pid != 0;
		if (pid <= 0 || waitpid(pid, &status, WNOHANG) != pid)
			continue;
		nchildren++;
		if (status != 0) {
			nchildren_failed++;
			dprintf(STDERR_FILENO, "# a child ended with status %x\n", (unsigned)status);
		}
		atomic_store(&child->pid, 0);
	}
	return any;
}

/* ---- the watch ---- */

static void show_seat(const struct seat *shown) {
	dprintf(STDERR_FILENO, "# seat %d, thread %d: %s, %lu steps\n", (int)(shown - seats), shown->tid,
	        shown->doing, shown->steps);
	syscall(SYS_tgkill, getpid(), shown->tid, SIGUSR1);
	pause_ms(300); /* it writes meanwhile */
}

static atomic_bool hung;

/* Allocates nothing, so that a heap that hangs cannot stop it. The last seat is that of main. */
static void *watch(void *unused) {
	static unsigned long steps[SEATS_MAX + 1];
	static time_t moved[SEATS_MAX + 1];
	for (;; pause_ms(1000))
		for (unsigned i = 0; i <= nseats; i++) {
			if (steps[i] != seats[i].steps || seats[i].doing == pausing_text || !moved[i]) {
				steps[i] = seats[i].steps;
				moved[i] = now();
			} else if (i == nseats ? now() - moved[i] > 2 * HANG_SECONDS
			                       : now() - moved[i] > HANG_SECONDS) {
				hung = true;
				dprintf(STDERR_FILENO, "# seat %u makes no progress; all of them:\n", i);
				for (unsigned k = 0; k <= nseats; k++)
					show_seat(&seats[k]);
				give_up("a thread hangs");
			}
		}
	return unused;
}

/* ---- main ---- */

static unsigned long npauses, nunlike, nbroken;
static long widest; /* difference between the accounts */

/* What libc itself holds, for the process and each thread, is all that the heap may have beyond the seats. */
static void check_account(void) {
	long ours = 0, allowed = (long)(64 * KB + nseats * 2 * KB);
	for (unsigned i = 0; i <= nseats; i++)
		ours += seats[i].live_bytes;
	struct mallinfo2 info = mallinfo2();
	long apart = (long)(info.uordblks + info.hblkhd) - ours;
	widest = labs(apart) > labs(widest) ? apart : widest;
	if (apart >= 0 && apart <= allowed)
		return;
	nunlike++;
	dprintf(STDERR_FILENO, "# the heap's account says %zu + %zu live bytes, the seats hold %ld\n",
	        info.uordblks, info.hblkhd, ours);
}

static void check_heap(void) {
	char text[64];
	const char *fault = heap_fault ? heap_fault(text, sizeof text) : NULL;
	if (fault)
		dprintf(STDERR_FILENO, "# %s\n", fault), nbroken++;
}

/* With every thread at rest; those of the seats before may still be ending. */
static void check_all(void) {
	doing("check");
	verify_queues();
	check_heap();
	check_account();
	npauses++;
}

static unsigned long sum_steps(void) {
	unsigned long sum = 0;
	for (unsigned i = 0; i < nseats; i++)
		sum += seats[i].steps;
	return sum;
}

static void pause_and_check(time_t begun) {
	doing("wait for all to pause");
	pthread_mutex_lock(&gate);
	pausing = true;
	while (npaused < nrunning)
		pthread_cond_wait(&changed, &gate);
	check_all();
	printf("# %ld s: %lu thousand steps, %lu children, %zu MB resident\n", (long)(now() - begun),
	       sum_steps() / 1000, nchildren, resident() / MB);
	pausing = false;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&gate);
}

static void start_all(void) {
	void *frame;
	pthread_attr_t attributes;
	pthread_t watcher;
	backtrace(&frame, 1); /* loads what it needs */
	signal(SIGUSR1, show_stack);
	signal(SIGALRM, show_stack);
	pthread_key_create(&last_words, speak_last_words);
	seat = &seats[nseats];
	atomic_store(&seat->tid, getpid());
	doing("start");
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&watcher, &attributes, watch, NULL))
		give_up("pthread_create failed");
	nrunning = nseats;
	for (unsigned i = 0; i < nseats; i++) {
		seats[i].doing = "begin";
		if (pthread_create(&watcher, &attributes, live, &seats[i]))
			give_up("pthread_create failed");
	}
}

static void run(time_t seconds) {
	time_t begun = now(), period = seconds / 4 < PAUSE_SECONDS ? seconds / 4 : PAUSE_SECONDS;
	start_all();
	for (time_t next = begun + period; now() < begun + seconds;) {
		doing("wait");
		pause_ms(20);
		reap_children();
		if (now() >= next) {
			pause_and_check(begun);
			next = now() + period;
		}
	}
	ending = true;
	doing("wait for the end");
	pthread_mutex_lock(&gate);
	while (nrunning)
		pthread_cond_wait(&changed, &gate);
	pthread_mutex_unlock(&gate);
	while (reap_children()) {
		doing("wait for children");
		pause_ms(20);
	}
	drop_queues();
	pause_ms(200); /* the last threads are ending */
	check_all();
}

static bool is_ours(void) {
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	bool ours = stream && malloc_info(0, stream) == 0 && fclose(stream) == 0 &&
	            strstr(text, "libbuddymalloc");
	free(text);
	return ours;
}

static void report_all(void) {
	unsigned long lives = 0, made = 0, passed = 0;
	long left = 0;
	for (unsigned i = 0; i <= nseats; i++) {
		lives += seats[i].lives;
		made += seats[i].made;
		passed += seats[i].passed;
		left += seats[i].live_bytes;
	}
	ok(is_ours(), "the heap is libbuddymalloc's");
	ok(nfaults == 0 && left == 0 && made > 0,
	   "%lu threads, %u at a time, %lu blocks, %lu handed on: %d lost or damaged, %ld bytes left", lives,
	   nseats, made, passed, nfaults, left);
	ok(nchildren > 0 && nchildren_failed == 0, "%lu children, %lu failed", nchildren, nchildren_failed);
	ok(nunlike == 0, "the heap's account agrees at %lu pauses, %ld bytes apart at most", npauses, widest);
	if (heap_fault)
		ok(nbroken == 0, "central lists and chunks hold at %lu pauses", npauses);
}

int main(int argc, char **argv) {
	time_t seconds = argc > 1 ? atol(argv[1]) : 10;
	nseats = argc > 2 ? (unsigned)atoi(argv[2]) : 16;
	seed = argc > 3 ? strtoull(argv[3], NULL, 0) : (uint64_t)time(NULL) % 1000000;
	if (argc > 4 || seconds < 4 || nseats < 1 || nseats > SEATS_MAX) {
		fprintf(stderr, "usage: %s [SECONDS [THREADS [SEED]]], at least 4 s, at most %d threads\n",
		        argv[0], SEATS_MAX);
		return 2;
	}
	printf("# %s %ld %u %llu\n", argv[0], (long)seconds, nseats, (unsigned long long)seed);
	run(seconds);
	while (hung) /* the dump is under way: its signals may have woken what slept */
		pause_ms(1000);
	report_all();
	return done();
}

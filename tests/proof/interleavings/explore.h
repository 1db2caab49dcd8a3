/* explore.h: runs a few threads in every order of their steps, up to a number of preemptions: a model
 * checker for the engine's own code. A step lies before each atomic operation (steps.h) and each futex call,
 * which is simulated. Threads are contexts of one real thread, so a run is the same each time.
 *
 * What is shared and not atomic is looked at by ThreadSanitizer in the variant steps_tsan: a switch is no
 * order, so a memory order that is too weak shows as a race. Not seen: what a processor does with relaxed
 * operations among themselves.
 *
 * Source of the bound: Musuvathi and Qadeer, "Iterative context bounding for systematic testing of
 * multithreaded programs", 2007. */
#ifndef EXPLORE_H
#define EXPLORE_H

#include "steps.h"

enum { EXPLORED_MAX = 4, NO_BOUND = 1000 };

/* ThreadSanitizer takes ten times as long: a run of it is worth fewer schedules. */
#ifdef __SANITIZE_THREAD__
enum { WATCHED = 1 };
#else
enum { WATCHED = 0 };
#endif

struct scenario {
	const char *name;
	unsigned nthreads, preemptions; /* switches from a thread that could go on */
	void (*begin)(void);            /* before each run, alone */
	void (*thread)(unsigned i);     /* i: 0 … nthreads - 1 */
	void (*end)(void);              /* after each run, alone */
};

/* Prints a TAP line; exits at the first run in which an expectation fails, all threads sleep, or one crashes.
 * BM_PREEMPTIONS=N in the environment allows N more preemptions. */
void explore(const struct scenario *scenario);

/* The last statement of main: return explored(); */
int explored(void);

/* Ends the run with its schedule if `holds` is false. */
void expect(int holds, const char *what);
#define EXPECT(holds) expect(!!(holds), #holds)

#endif

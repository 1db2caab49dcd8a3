/* lock.c: mutual exclusion, and nobody sleeps for ever. */
#include "explore.h"

#include "ground/lock.h"

static struct lock lock = LOCK_INITIAL(RANK_CENTRAL);
static unsigned inside, rounds, rounds_each; /* plain: only the lock orders them */

static void begin(void) { rounds = 0; }

static void take_turns(unsigned i) {
	(void)i;
	for (unsigned n = 0; n < rounds_each; n++) {
		lock_take(&lock);
		EXPECT(inside++ == 0);
		rounds++;
		step();
		inside--;
		lock_release(&lock);
	}
}

static void expect_rounds(unsigned nthreads) {
	EXPECT(rounds == nthreads * rounds_each);
	EXPECT(atomic_load(&lock.state) == 0);
}
static void end_of_two(void) { expect_rounds(2); }
static void end_of_three(void) { expect_rounds(3); }

int main(void) {
	rounds_each = 1;
	explore(&(struct scenario){"a lock taken once", 2, NO_BOUND, begin, take_turns, end_of_two});
	explore(&(struct scenario){"a lock taken once", 3, 4, begin, take_turns, end_of_three});
	rounds_each = 2;
	explore(&(struct scenario){"a lock taken twice", 2, 5, begin, take_turns, end_of_two});
	return explored();
}

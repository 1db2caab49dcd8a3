/* ledger.c: the counts of the stores and what was refaulted, under a clock that the test sets (linked with
 * --wrap=os_milliseconds). */
#include "unit.h"

#include "ground/ledger.h"

static uint64_t now;
static unsigned looks; /* at the clock */

uint64_t __wrap_os_milliseconds(void);
uint64_t __wrap_os_milliseconds(void) {
	looks++;
	return now;
}

static size_t refaulted(void) { return ledger_read(&ledger.refaulted); }

static int setup(void **state) {
	(void)state;
	memset(&ledger, 0, sizeof ledger);
	now += 1000000;
	looks = 0;
	return 0;
}

TEST(what_the_stores_have_is_added_up) {
	ledger_publish(LEDGER_CHUNKS, 1000, 2);
	ledger_publish(LEDGER_LARGE, 100, 0);
	ledger_publish(LEDGER_POOL, 0, 30);
	assert_int_equal(ledger_used(), 1100);
	assert_int_equal(ledger_live(), 1100);
	ledger_add_slots(200, 50, 70);
	assert_int_equal(ledger_live(), 1100 - 200);
	assert_int_equal(ledger_purgeable(), 2 + 30 + 70);
	assert_int_equal(ledger_read(&ledger.clean), 50);
	ledger_add_slots(-200, -50, -70);
	assert_int_equal(ledger_live(), 1100);
	assert_int_equal(ledger_purgeable(), 32);
}

/* A store may have published and another not yet. */
TEST(live_memory_is_never_below_nothing) {
	ledger_publish(LEDGER_CHUNKS, 10, 0);
	ledger_add_slots(11, 0, 0);
	assert_int_equal(ledger_live(), 0);
}

TEST(the_peak_is_of_what_the_program_has) {
	ledger_publish(LEDGER_CHUNKS, 100, 0);
	ledger_publish(LEDGER_CHUNKS, 20, 80);
	ledger_publish(LEDGER_CHUNKS, 150, 0);
	ledger_add_slots(60, 0, 0);
	ledger_publish(LEDGER_CHUNKS, 190, 0);
	assert_int_equal(ledger_read(&ledger.peak), 150);
}

TEST(what_is_wanted_soon_after_it_went_back_is_refaulted) {
	ledger_note_returned(LEDGER_OUTSIDE_SLABS, 100);
	assert_int_equal(refaulted(), 0);
	now += 1000;
	ledger_note_wanted(LEDGER_OUTSIDE_SLABS, 30);
	assert_int_equal(refaulted(), 30);
	ledger_note_wanted(LEDGER_OUTSIDE_SLABS, 50);
	assert_int_equal(refaulted(), 80);
	assert_int_equal(ledger_read(&ledger.given), 100);
}

TEST(no_more_is_refaulted_than_went_back) {
	ledger_note_returned(LEDGER_OUTSIDE_SLABS, 40);
	ledger_note_returned(LEDGER_OUTSIDE_SLABS, 2);
	ledger_note_wanted(LEDGER_OUTSIDE_SLABS, 1000);
	assert_int_equal(refaulted(), 42);
	ledger_note_wanted(LEDGER_OUTSIDE_SLABS, 1000);
	assert_int_equal(refaulted(), 42);
}

/* Pages under the slots of a slab serve nobody else; so no other fetch tells that they were missed. */
TEST(inside_slabs_and_outside_are_refaulted_apart) {
	ledger_note_returned(LEDGER_INSIDE_SLABS, 40);
	ledger_note_wanted(LEDGER_OUTSIDE_SLABS, 40);
	assert_int_equal(refaulted(), 0);
	ledger_note_wanted(LEDGER_INSIDE_SLABS, 30);
	assert_int_equal(refaulted(), 30);
}

TEST(after_a_second_nothing_is_refaulted) {
	ledger_note_returned(LEDGER_OUTSIDE_SLABS, 100);
	now += 900;
	ledger_note_returned(LEDGER_OUTSIDE_SLABS, 0); /* a purge that was refused */
	now += 101;
	ledger_note_wanted(LEDGER_OUTSIDE_SLABS, 30);
	assert_int_equal(refaulted(), 0);
	now -= 1001; /* it is forgotten, not only late */
	ledger_note_wanted(LEDGER_OUTSIDE_SLABS, 30);
	assert_int_equal(refaulted(), 0);
}

TEST(the_first_refault_begins_a_new_peak) {
	ledger_publish(LEDGER_CHUNKS, 1000, 0);
	ledger_publish(LEDGER_CHUNKS, 300, 0);
	ledger_note_returned(LEDGER_OUTSIDE_SLABS, 5);
	ledger_note_wanted(LEDGER_OUTSIDE_SLABS, 3);
	assert_int_equal(ledger_read(&ledger.peak), 300);
	ledger_publish(LEDGER_CHUNKS, 200, 0);
	ledger_note_wanted(LEDGER_OUTSIDE_SLABS, 2);
	assert_int_equal(ledger_read(&ledger.peak), 300);
}

TEST(the_clock_is_read_only_when_it_matters) {
	ledger_note_wanted(LEDGER_OUTSIDE_SLABS, 5);
	ledger_note_returned(LEDGER_INSIDE_SLABS, 5);
	ledger_note_wanted(LEDGER_OUTSIDE_SLABS, 5);
	assert_int_equal(looks, 1); /* when they went */
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int main(void) {
	const struct CMUnitTest tests[] = {
	        CASE(what_the_stores_have_is_added_up),
	        CASE(live_memory_is_never_below_nothing),
	        CASE(the_peak_is_of_what_the_program_has),
	        CASE(what_is_wanted_soon_after_it_went_back_is_refaulted),
	        CASE(no_more_is_refaulted_than_went_back),
	        CASE(inside_slabs_and_outside_are_refaulted_apart),
	        CASE(after_a_second_nothing_is_refaulted),
	        CASE(the_first_refault_begins_a_new_peak),
	        CASE(the_clock_is_read_only_when_it_matters),
	};
	return RUN(tests);
}

/* hold.c: the bound on free memory, under a clock that the test sets (linked with --wrap=os_milliseconds). */
#include "unit.h"

#include "../../src/config.h"
#include "../../src/hold.h"

static uint64_t now;
static unsigned looks; /* at the clock */

uint64_t __wrap_os_milliseconds(void);
uint64_t __wrap_os_milliseconds(void) {
	looks++;
	return now;
}

enum { PEAK = 1000 };

/* What the bound has grown by, while nothing is live. */
static size_t growth(const struct hold *hold) { return hold_limit(hold, 0, 0); }

static void wanted(struct hold *hold, size_t npages) { hold_note_wanted(hold, npages, PEAK); }

static int setup(void **state) {
	(void)state;
	now = 1000000;
	looks = 0;
	config.hold = 6;
	return 0;
}

TEST(the_bound_is_a_base_and_a_share_of_the_live_memory) {
	struct hold hold = {0};
	assert_int_equal(hold_limit(&hold, 512, 0), 512);
	assert_int_equal(hold_limit(&hold, 512, 100000), 512 + 6000);
	config.hold = 0;
	assert_int_equal(hold_limit(&hold, 512, 100000), 512);
	config.hold = 1000;
	assert_int_equal(hold_limit(&hold, 0, 70), 700);
}

TEST(what_is_wanted_soon_after_it_went_back_is_regretted) {
	struct hold hold = {0};
	hold_note_returned(&hold, 100);
	assert_int_equal(growth(&hold), 0);
	now += 1000;
	wanted(&hold, 30);
	assert_int_equal(growth(&hold), 30);
	wanted(&hold, 50);
	assert_int_equal(growth(&hold), 80);
	assert_int_equal(hold_limit(&hold, 512, 100), 512 + 6 + 80);
}

TEST(no_more_is_regretted_than_went_back) {
	struct hold hold = {0};
	hold_note_returned(&hold, 40);
	hold_note_returned(&hold, 2);
	wanted(&hold, 1000);
	assert_int_equal(growth(&hold), 42);
	wanted(&hold, 1000);
	assert_int_equal(growth(&hold), 42);
}

TEST(after_a_second_nothing_is_regretted) {
	struct hold hold = {0};
	hold_note_returned(&hold, 100);
	now += 1001;
	wanted(&hold, 30);
	assert_int_equal(growth(&hold), 0);
	now -= 1001; /* it is forgotten, not only late */
	wanted(&hold, 30);
	assert_int_equal(growth(&hold), 0);
}

TEST(live_and_regretted_together_stay_near_the_peak) {
	struct hold hold = {0};
	hold_note_returned(&hold, 1000);
	hold_note_wanted(&hold, 1000, 400);
	assert_int_equal(growth(&hold), 500); /* 5/4 of the peak */
	assert_int_equal(hold_limit(&hold, 0, 300), 18 + 200);
	assert_int_equal(hold_limit(&hold, 0, 500), 30);
	assert_int_equal(hold_limit(&hold, 0, 10000), 600);
}

TEST(a_quiet_second_halves_the_growth) {
	struct hold hold = {0};
	hold_note_returned(&hold, 100);
	wanted(&hold, 100);
	now += 1000;
	assert_false(hold_decay(&hold, 0));
	assert_int_equal(growth(&hold), 100);
	now += 1;
	assert_true(hold_decay(&hold, 0));
	assert_int_equal(growth(&hold), 50);
	assert_false(hold_decay(&hold, 0)); /* one second, one halving */
	assert_int_equal(growth(&hold), 50);
	for (int i = 0; i < 6; i++) {
		now += 1001;
		hold_decay(&hold, 0);
	}
	assert_int_equal(growth(&hold), 0);
	now += 1001;
	assert_false(hold_decay(&hold, 0)); /* nothing left to forget */
}

TEST(a_quiet_second_brings_the_peak_half_of_the_way_down) {
	struct hold hold = {0};
	hold_note_returned(&hold, 100000);
	wanted(&hold, 100000);
	assert_int_equal(growth(&hold), PEAK + PEAK / 4);
	now += 1001;
	assert_true(hold_decay(&hold, 200));
	assert_int_equal(growth(&hold), 600 + 150);
	now += 1001;
	assert_true(hold_decay(&hold, 2000)); /* never up */
	assert_int_equal(growth(&hold), 600 + 150);
}

TEST(a_regret_keeps_the_growth) {
	struct hold hold = {0};
	for (int phase = 0; phase < 20; phase++) {
		hold_note_returned(&hold, 10);
		now += 900;
		wanted(&hold, 10);
		assert_false(hold_decay(&hold, 0));
		assert_int_equal(growth(&hold), 10 * (phase + 1));
	}
}

TEST(the_clock_is_read_only_when_it_matters) {
	struct hold hold = {0};
	wanted(&hold, 5);
	assert_false(hold_decay(&hold, 5));
	hold_limit(&hold, 5, 5);
	assert_int_equal(looks, 0);
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int main(void) {
	const struct CMUnitTest tests[] = {
	        CASE(the_bound_is_a_base_and_a_share_of_the_live_memory),
	        CASE(what_is_wanted_soon_after_it_went_back_is_regretted),
	        CASE(no_more_is_regretted_than_went_back),
	        CASE(after_a_second_nothing_is_regretted),
	        CASE(live_and_regretted_together_stay_near_the_peak),
	        CASE(a_quiet_second_halves_the_growth),
	        CASE(a_quiet_second_brings_the_peak_half_of_the_way_down),
	        CASE(a_regret_keeps_the_growth),
	        CASE(the_clock_is_read_only_when_it_matters),
	};
	return RUN(tests);
}

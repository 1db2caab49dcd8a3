/* reclaim.c: the bound on free memory, under a clock that the test sets (linked with --wrap=os_milliseconds). */
#include "unit.h"

#include "ground/config.h"
#include "policy/reclaim.h"

static uint64_t now;
static unsigned looks; /* at the clock */

uint64_t __wrap_os_milliseconds(void);
uint64_t __wrap_os_milliseconds(void) {
	looks++;
	return now;
}

enum { PEAK = 1000 };

static void live(size_t npages) { reclaim_publish(RECLAIM_CHUNKS, npages, 0); }

/* What the bound has grown by, while nothing is live. */
static size_t growth(void) { return reclaim_limit(0, 0, 0, BEYOND_PAGES); }

/* The policy is one for the process: each test begins with nothing refaulted, nothing returned, and a peak that
 * is above all it does. */
static int setup(void **state) {
	(void)state;
	now += 1000000;
	config.hold = 6;
	reclaim_note_wanted(RECLAIM_OUTSIDE_SLABS, 1);
	reclaim_note_wanted(RECLAIM_INSIDE_SLABS, 1);
	for (int i = 0; i < 64; i++, now += 1001)
		reclaim_decay();
	reclaim_publish(RECLAIM_LARGE, 0, 0);
	live(PEAK);
	looks = 0;
	return growth() ? -1 : 0;
}

TEST(the_bound_is_a_base_and_a_share_of_the_live_memory) {
	assert_int_equal(reclaim_limit(512, 0, 0, BEYOND_PAGES), 512);
	assert_int_equal(reclaim_limit(512, 100000, 100000, BEYOND_PAGES), 512 + 6000);
	config.hold = 0;
	assert_int_equal(reclaim_limit(512, 100000, 100000, BEYOND_PAGES), 512);
	config.hold = 1000;
	assert_int_equal(reclaim_limit(0, 70, 70, BEYOND_PAGES), 700);
}

TEST(what_the_parts_have_is_added_up) {
	reclaim_publish(RECLAIM_CHUNKS, 10, 2);
	reclaim_publish(RECLAIM_LARGE, 100, 30);
	assert_int_equal(reclaim_live_in(RECLAIM_CHUNKS), 10);
	assert_int_equal(reclaim_live_in(RECLAIM_LARGE), 100);
	assert_int_equal(reclaim_live(), 110);
	assert_int_equal(reclaim_live_beside(RECLAIM_CHUNKS), 140);
	assert_int_equal(reclaim_live_beside(RECLAIM_LARGE), 112);
	assert_int_equal(reclaim_resident(), 142);
}

/* A refault counts twice. */
TEST(what_is_wanted_soon_after_it_went_back_is_refaulted) {
	reclaim_note_returned(RECLAIM_OUTSIDE_SLABS, 100);
	assert_int_equal(growth(), 0);
	now += 1000;
	reclaim_note_wanted(RECLAIM_OUTSIDE_SLABS, 30);
	assert_int_equal(growth(), 60);
	reclaim_note_wanted(RECLAIM_OUTSIDE_SLABS, 50);
	assert_int_equal(growth(), 160);
	assert_int_equal(reclaim_limit(512, 100, 100, BEYOND_PAGES), 512 + 6 + 160);
}

TEST(no_more_is_refaulted_than_went_back) {
	reclaim_note_returned(RECLAIM_OUTSIDE_SLABS, 40);
	reclaim_note_returned(RECLAIM_OUTSIDE_SLABS, 2);
	reclaim_note_wanted(RECLAIM_OUTSIDE_SLABS, 1000);
	assert_int_equal(growth(), 84);
	reclaim_note_wanted(RECLAIM_OUTSIDE_SLABS, 1000);
	assert_int_equal(growth(), 84);
}

/* Pages under the slots of a slab serve nobody else; so no other fetch tells that they were missed. */
TEST(inside_slabs_and_outside_are_refaulted_apart) {
	reclaim_note_returned(RECLAIM_INSIDE_SLABS, 40);
	reclaim_note_wanted(RECLAIM_OUTSIDE_SLABS, 40);
	assert_int_equal(growth(), 0);
	reclaim_note_wanted(RECLAIM_INSIDE_SLABS, 30);
	assert_int_equal(growth(), 60);
}

TEST(after_a_second_nothing_is_refaulted) {
	reclaim_note_returned(RECLAIM_OUTSIDE_SLABS, 100);
	now += 1001;
	reclaim_note_wanted(RECLAIM_OUTSIDE_SLABS, 30);
	assert_int_equal(growth(), 0);
	now -= 1001; /* it is forgotten, not only late */
	reclaim_note_wanted(RECLAIM_OUTSIDE_SLABS, 30);
	assert_int_equal(growth(), 0);
}

TEST(what_is_there_and_what_is_retained_together_stay_near_the_peak) {
	live(400);
	reclaim_note_returned(RECLAIM_OUTSIDE_SLABS, 1000);
	reclaim_note_wanted(RECLAIM_OUTSIDE_SLABS, 1000);
	assert_int_equal(growth(), 500); /* 5/4 of the peak since the first refault */
	assert_int_equal(reclaim_limit(0, 300, 300, BEYOND_PAGES), 200);
	assert_int_equal(reclaim_limit(64, 300, 300, BEYOND_PAGES), 200); /* the base is part of it … */
	assert_int_equal(reclaim_limit(512, 300, 300, BEYOND_PAGES),
	                 512 + 18); /* … but stays beyond the peak */
	assert_int_equal(reclaim_limit(0, 100, 300, BEYOND_PAGES), 200);
	assert_int_equal(reclaim_limit(0, 500, 500, BEYOND_PAGES), 30);
	live(800);
	live(100);
	assert_int_equal(growth(), 1000); /* a later peak counts */
}

TEST(a_quiet_second_halves_the_growth) {
	reclaim_note_returned(RECLAIM_OUTSIDE_SLABS, 100);
	reclaim_note_wanted(RECLAIM_OUTSIDE_SLABS, 100);
	now += 1000;
	reclaim_decay();
	assert_int_equal(growth(), 200);
	now += 1;
	reclaim_decay();
	assert_int_equal(growth(), 100);
	reclaim_decay(); /* one second, one halving */
	assert_int_equal(growth(), 100);
	for (int i = 0; i < 7; i++) {
		now += 1001;
		reclaim_decay();
	}
	assert_int_equal(growth(), 0);
}

TEST(a_quiet_second_brings_the_peak_half_of_the_way_down) {
	reclaim_note_returned(RECLAIM_OUTSIDE_SLABS, 100000);
	reclaim_note_wanted(RECLAIM_OUTSIDE_SLABS, 100000);
	assert_int_equal(growth(), PEAK + PEAK / 4);
	live(200);
	now += 1001;
	reclaim_decay();
	assert_int_equal(growth(), 600 + 150);
	now += 1001;
	reclaim_decay();
	assert_int_equal(growth(), 400 + 100);
}

TEST(a_refault_keeps_the_growth) {
	for (int phase = 0; phase < 20; phase++) {
		reclaim_note_returned(RECLAIM_OUTSIDE_SLABS, 10);
		now += 900;
		reclaim_note_wanted(RECLAIM_OUTSIDE_SLABS, 10);
		reclaim_decay();
		assert_int_equal(growth(), 20 * (phase + 1));
	}
}

TEST(the_base_is_less_beside_a_small_heap) {
	assert_int_equal(reclaim_base(0), 64);
	assert_int_equal(reclaim_base(1000), 64 + 250);
	assert_int_equal(reclaim_base(100000), 512);
}

TEST(the_clock_is_read_only_when_it_matters) {
	reclaim_note_wanted(RECLAIM_OUTSIDE_SLABS, 5);
	reclaim_decay();
	reclaim_limit(5, 5, 5, BEYOND_PAGES);
	assert_int_equal(looks, 0);
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int main(void) {
	const struct CMUnitTest tests[] = {
	        CASE(the_bound_is_a_base_and_a_share_of_the_live_memory),
	        CASE(what_the_parts_have_is_added_up),
	        CASE(what_is_wanted_soon_after_it_went_back_is_refaulted),
	        CASE(no_more_is_refaulted_than_went_back),
	        CASE(inside_slabs_and_outside_are_refaulted_apart),
	        CASE(after_a_second_nothing_is_refaulted),
	        CASE(what_is_there_and_what_is_retained_together_stay_near_the_peak),
	        CASE(a_quiet_second_halves_the_growth),
	        CASE(a_quiet_second_brings_the_peak_half_of_the_way_down),
	        CASE(a_refault_keeps_the_growth),
	        CASE(the_base_is_less_beside_a_small_heap),
	        CASE(the_clock_is_read_only_when_it_matters),
	};
	return RUN(tests);
}

/* config.c: every option, and the sentence for what is not one. */
#include "unit.h"

#include "ground/config.h"

static const struct config defaults = {.stats = 0, .huge_pages = true, .hold = 6};

/* Reads a text into the defaults; what it said on stderr. */
static const char *read_text(const char *text) {
	static struct capture capture;
	config = defaults;
	capture_begin(&capture);
	config_read(text);
	return capture_end(&capture);
}

static void assert_config(size_t stats, bool huge_pages, size_t hold) {
	assert_int_equal(config.stats, stats);
	assert_int_equal(config.huge_pages, huge_pages);
	assert_int_equal(config.hold, hold);
}

TEST(the_defaults) { assert_config(defaults.stats, defaults.huge_pages, defaults.hold); }

TEST(nothing_changes_nothing) {
	static const char *const texts[] = {NULL, "", ",", ",,,"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_string_equal(read_text(texts[i]), "");
		assert_config(0, true, 6);
	}
}

TEST(every_option) {
	assert_string_equal(read_text("stats:1"), "");
	assert_config(1, true, 6);
	assert_string_equal(read_text("stats:2147483647"), "");
	assert_config(2147483647, true, 6);
	assert_string_equal(read_text("huge_pages:0"), "");
	assert_config(0, false, 6);
	assert_string_equal(read_text("hold:0"), "");
	assert_config(0, true, 0);
	assert_string_equal(read_text("hold:1000"), "");
	assert_config(0, true, 1000);
	assert_string_equal(read_text("hold:0987"), "");
	assert_config(0, true, 987);
	assert_string_equal(read_text("hold:654"), "");
	assert_config(0, true, 654);
	assert_string_equal(read_text("hold:321"), "");
	assert_config(0, true, 321);
	assert_string_equal(read_text("hold:50,stats:1,huge_pages:0"), "");
	assert_config(1, false, 50);
	assert_string_equal(read_text("deepbind:1"), "");
	assert_true(config.deepbind);
	assert_string_equal(read_text("deepbind:0"), "");
	assert_false(config.deepbind);
	assert_string_equal(read_text(",hold:7,,hold:8,"), "");
	assert_config(0, true, 8);
}

#define BAD(text)     "libbuddymalloc: BUDDYMALLOC_CONF: bad value in \"" text "\", ignored\n"
#define UNKNOWN(text) "libbuddymalloc: BUDDYMALLOC_CONF: unknown option \"" text "\", ignored\n"

TEST(bad_values_are_named_and_ignored) {
	assert_string_equal(read_text("hold:1001"), BAD("hold:1001"));
	assert_string_equal(read_text("hold:"), BAD("hold:"));
	assert_string_equal(read_text("hold"), BAD("hold"));
	assert_string_equal(read_text("hold:-1"), BAD("hold:-1"));
	assert_string_equal(read_text("hold:12x"), BAD("hold:12x"));
	assert_string_equal(read_text("hold: 12"), BAD("hold: 12"));
	assert_string_equal(read_text("hold:99999999999999999999999"), BAD("hold:99999999999999999999999"));
	assert_string_equal(read_text("huge_pages:2"), BAD("huge_pages:2"));
	assert_string_equal(read_text("huge_pages:no"), BAD("huge_pages:no"));
	assert_string_equal(read_text("stats:2147483648"), BAD("stats:2147483648"));
	assert_string_equal(read_text("stats:1:1"), BAD("stats:1:1"));
	assert_config(0, true, 6);
}

TEST(unknown_options_are_named_and_ignored) {
	assert_string_equal(read_text("colour:red"), UNKNOWN("colour"));
	assert_string_equal(read_text("Hold:5"), UNKNOWN("Hold"));
	assert_string_equal(read_text("hol:5"), UNKNOWN("hol"));
	assert_string_equal(read_text("holds:5"), UNKNOWN("holds"));
	assert_string_equal(read_text(":5"), UNKNOWN(""));
	assert_config(0, true, 6);
}

TEST(what_follows_a_mistake_is_still_read) {
	assert_string_equal(read_text("hold:x,what,huge_pages:0"), BAD("hold:x") UNKNOWN("what"));
	assert_config(0, false, 6);
}

TEST(a_long_word_is_cut_in_the_message) {
	char text[201], expected[256];
	memset(text, 'q', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	snprintf(expected, sizeof expected, UNKNOWN("%.63s"), text);
	assert_string_equal(read_text(text), expected);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_defaults),
	        cmocka_unit_test(nothing_changes_nothing),
	        cmocka_unit_test(every_option),
	        cmocka_unit_test(bad_values_are_named_and_ignored),
	        cmocka_unit_test(unknown_options_are_named_and_ignored),
	        cmocka_unit_test(what_follows_a_mistake_is_still_read),
	        cmocka_unit_test(a_long_word_is_cut_in_the_message),
	};
	return RUN(tests);
}

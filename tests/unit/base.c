/* base.c: the arithmetic, and the one line on stderr. */
#include "unit.h"

#include "ground/base.h"

#include <errno.h>
#include <signal.h>

TEST(arithmetic) {
	assert_int_equal(align_up(0, 16), 0);
	assert_int_equal(align_up(1, 16), 16);
	assert_int_equal(align_up(16, 16), 16);
	assert_int_equal(align_up(4097, 4096), 8192);
	assert_false(is_power_of_two(0));
	assert_true(is_power_of_two(1));
	assert_true(is_power_of_two((size_t)1 << 63));
	assert_false(is_power_of_two(24));
	assert_int_equal(bytes_to_pages(0), 0);
	assert_int_equal(bytes_to_pages(1), 1);
	assert_int_equal(bytes_to_pages(PAGE_SIZE), 1);
	assert_int_equal(bytes_to_pages(PAGE_SIZE + 1), 2);
	assert_int_equal(min_size(1, 2) + max_size(1, 2) * 10, 21);
	for (unsigned log2 = 0; log2 < 63; log2++) {
		assert_int_equal(ceil_log2((size_t)1 << log2), log2);
		assert_int_equal(ceil_log2(((size_t)1 << log2) + 1), log2 + 1);
	}
	assert_int_equal(ceil_log2(0), 0);
}

TEST(container_of_a_member) {
	struct outer {
		int before, member;
	} outer;
	assert_ptr_equal(CONTAINER(&outer.member, struct outer, member), &outer);
}

TEST(say_knows_strings_sizes_and_pointers) {
	struct capture capture;
	capture_begin(&capture);
	say("%s|%z|%z|%p|%p|%%|end", "text", (size_t)0, SIZE_MAX, (void *)0x12ab, NULL);
	assert_string_equal(capture_end(&capture),
	                    "libbuddymalloc: text|0|18446744073709551615|0x12ab|(nil)|%|end\n");
}

TEST(say_keeps_errno) {
	struct capture capture;
	errno = EXDEV;
	capture_begin(&capture);
	errno = EXDEV;
	say("x");
	assert_int_equal(errno, EXDEV);
	int saved = dup(STDERR_FILENO);
	close(STDERR_FILENO);
	errno = EXDEV;
	say("nobody hears this"); /* EBADF */
	assert_int_equal(errno, EXDEV);
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_string_equal(capture_end(&capture), "libbuddymalloc: x\n");
}

TEST(a_long_text_is_cut_and_still_ends_its_line) {
	struct capture capture;
	char text[2000];
	memset(text, 'y', sizeof text);
	text[sizeof text - 1] = '\0';
	capture_begin(&capture);
	say("%s", text);
	const char *said = capture_end(&capture);
	assert_int_equal(strlen(said), 512);
	assert_int_equal(said[511], '\n');
	assert_int_equal(said[510], 'y');
}

static void die_of(void *what) { die("of %s", (const char *)what); }

TEST(die_says_it_and_aborts) {
	struct capture capture;
	capture_begin(&capture);
	int status = status_of(die_of, "boredom");
	assert_string_equal(capture_end(&capture), "libbuddymalloc: of boredom\n");
	assert_true(was_aborted(status));
}

static void assert_falsehood(void *unused) {
	(void)unused;
	ASSERT(1 + 1 == 3);
}

TEST(assert_stops_debug_builds_only) {
	struct capture capture;
	capture_begin(&capture);
	int status = status_of(assert_falsehood, NULL);
	const char *said = capture_end(&capture);
	assert_true(BM_DEBUG ? was_aborted(status) : exited_well(status));
	assert_int_equal(strstr(said, ": assertion failed: 1 + 1 == 3\n") != NULL, BM_DEBUG);
	assert_int_equal(said[0] != '\0', BM_DEBUG);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(arithmetic),
	        cmocka_unit_test(container_of_a_member),
	        cmocka_unit_test(say_knows_strings_sizes_and_pointers),
	        cmocka_unit_test(say_keeps_errno),
	        cmocka_unit_test(a_long_text_is_cut_and_still_ends_its_line),
	        cmocka_unit_test(die_says_it_and_aborts),
	        cmocka_unit_test(assert_stops_debug_builds_only),
	};
	return RUN(tests);
}

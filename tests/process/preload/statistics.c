/* statistics.c: mallinfo, malloc_info, malloc_trim and mallopt tell and do something true.
 * argv[1]: where malloc_info writes; "stats" instead: call malloc_stats and print nothing else. */
#define _GNU_SOURCE
#include <malloc.h>

#include "common.h"

enum { N = 20000, EACH = 1000 };
static char *blocks[N];

static void allocate_all(void) {
	for (size_t i = 0; i < N; i++)
		fill(blocks[i] = malloc(EACH), 0, EACH, i);
}

static void free_all(void) {
	for (size_t i = 0; i < N; i++)
		free(blocks[i]);
}

static void test_mallinfo2_small(void) {
	const size_t total = (size_t)N * EACH;
	struct mallinfo2 before = mallinfo2();
	allocate_all();
	struct mallinfo2 full = mallinfo2();
	free_all();
	struct mallinfo2 after = mallinfo2();
	size_t rise = full.uordblks - before.uordblks;
	ok(rise >= total && rise < total + total / 5, "%zu KB in small blocks raise uordblks by %zu KB",
	   total / KB, rise / KB);
	ok(after.uordblks < before.uordblks + total / 20, "and freeing them lowers it again (+%zu KB)",
	   grown(before.uordblks, after.uordblks) / KB);
	ok(full.arena + full.hblkhd >= full.uordblks, "arena + hblkhd hold what is allocated");
	ok(full.arena + full.hblkhd < full.uordblks * 2 + 16 * MB, "and not a multiple of it");
	ok(full.fordblks <= full.arena + full.hblkhd, "fordblks is a part of them");
}

static void test_mallinfo2_large(void) {
	struct mallinfo2 before = mallinfo2();
	char *block = malloc(64 * MB);
	struct mallinfo2 full = mallinfo2();
	free(block);
	struct mallinfo2 after = mallinfo2();
	size_t used = full.uordblks - before.uordblks, mapped = full.hblkhd - before.hblkhd;
	ok((used >= 64 * MB && used < 70 * MB) || (mapped >= 64 * MB && mapped < 70 * MB),
	   "a 64 MB block shows in uordblks or hblkhd");
	ok(full.arena + full.hblkhd >= before.arena + before.hblkhd + 60 * MB, "and in arena + hblkhd");
	ok(after.uordblks < before.uordblks + MB, "and is gone from uordblks after free");
}

/* The other threads' blocks and caches count, too. */
static void *allocate_thread(void *unused) {
	allocate_all();
	return unused;
}

static void test_mallinfo2_threads(void) {
	size_t before = mallinfo2().uordblks, total = (size_t)N * EACH;
	pthread_join(start(allocate_thread, NULL), NULL);
	size_t rise = mallinfo2().uordblks - before;
	ok(rise >= total && rise < total + total / 5, "blocks made by a thread that has ended are counted");
	free_all();
}

static void test_mallinfo(void) {
	struct mallinfo2 wide = mallinfo2();
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	struct mallinfo narrow = mallinfo();
	ok(narrow.uordblks == (int)wide.uordblks && narrow.arena == (int)wide.arena &&
	           narrow.hblkhd == (int)wide.hblkhd && narrow.fordblks == (int)wide.fordblks,
	   "mallinfo tells the same in int");
}

static void test_malloc_info(const char *path) {
	void *some = malloc(5 * MB);
	FILE *stream = fopen(path, "w");
	allocate_all();
	ok(stream && malloc_info(0, stream) == 0, "malloc_info(0, stream) succeeds");
	ok(stream && ftell(stream) > 0, "and writes to the stream");
	if (stream)
		fclose(stream);
	errno = 0;
	int result = malloc_info(1, stderr);
	ok(result == EINVAL || (result == -1 && errno == EINVAL), "malloc_info with options: EINVAL");
	free_all();
	free(some);
}

static void test_trim(void) {
	enum { MANY = 200000 };
	static char *many[MANY];
	size_t before = resident();
	for (size_t i = 0; i < MANY; i++)
		memset(many[i] = malloc(i % 2 ? 1000 : 200), 1, i % 2 ? 1000 : 200);
	size_t full = resident();
	for (size_t i = 0; i < MANY; i++)
		free(many[i]);
	int trimmed = malloc_trim(0);
	size_t after = resident();
	ok(trimmed == 1, "malloc_trim(0) returns 1 after %zu KB were freed", grown(before, full) / KB);
	ok(grown(before, after) < grown(before, full) / 20 + 4 * MB, "and +%zu KB are left resident",
	   grown(before, after) / KB);
	char *block = malloc(100000);
	memset(block, 1, 100000);
	free(block);
	ok(malloc_trim(1000 * MB) <= 1, "malloc_trim with a pad larger than the heap");
}

static void test_mallopt(void) {
	static const struct {
		const char *name;
		int parameter, value;
	} known[] = {{"M_MXFAST", M_MXFAST, 64},        {"M_TRIM_THRESHOLD", M_TRIM_THRESHOLD, 1 << 20},
	             {"M_TOP_PAD", M_TOP_PAD, 1 << 16}, {"M_MMAP_THRESHOLD", M_MMAP_THRESHOLD, 1 << 20},
	             {"M_MMAP_MAX", M_MMAP_MAX, 65536}, {"M_CHECK_ACTION", M_CHECK_ACTION, 3},
	             {"M_ARENA_TEST", M_ARENA_TEST, 8}, {"M_ARENA_MAX", M_ARENA_MAX, 8}};
	for (size_t i = 0; i < COUNT(known); i++)
		ok(mallopt(known[i].parameter, known[i].value) == 1, "mallopt(%s, %d) returns 1",
		   known[i].name, known[i].value);
	ok(mallopt(12345, 1) == 0, "mallopt of an unknown parameter returns 0");
	ok(mallopt(-12345, 1) == 0, "negative, too");
	allocate_all();
	int good = 1;
	for (size_t i = 0; i < N; i++)
		good &= intact(blocks[i], EACH, i);
	free_all();
	ok(good, "and allocation goes on");
}

int main(int argc, char **argv) {
	if (argc < 2)
		give_up("usage: statistics FILE | stats");
	if (!strcmp(argv[1], "stats")) {
		malloc_stats();
		return 0;
	}
	test_mallinfo2_small();
	test_mallinfo2_large();
	test_mallinfo2_threads();
	test_mallinfo();
	test_malloc_info(argv[1]);
	test_trim();
	test_mallopt();
	return done();
}

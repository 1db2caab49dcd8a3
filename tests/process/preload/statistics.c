/* statistics.c: mallinfo, malloc_info, bm_stats_print, malloc_trim and mallopt tell and do something true.
 * argv[1]: where malloc_info writes; "stats", "text" and "json" instead: call malloc_stats or bm_stats_print
 * and print nothing else; "full", "quarantine": the same as json, with 100 MB of blocks written to,
 * and with blocks that were freed in mode:hardened. */
#define _GNU_SOURCE
#include <malloc.h>

#include "buddymalloc.h"
#include "common.h"

#pragma weak bm_stats_print

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

/* What the manual of glibc says of the fields, as far as it can be told apart here. */
static void test_mallinfo2_fields(void) {
	void *small[2] = {malloc(100), malloc(100)}, *span = malloc(200000), *large = malloc(8 * MB);
	memset(large, 1, 8 * MB);
	struct mallinfo2 full = mallinfo2();
	ok(full.arena == full.uordblks + full.fordblks, "the arena is what is handed out and what is free");
	ok(full.hblks == 1 && full.hblkhd == 8 * MB, "a large block is one of 8 MB");
	free(small[0]);
	free(small[1]);
	free(span);
	free(large);
	struct mallinfo2 after = mallinfo2();
	ok(after.smblks >= full.smblks + 2 && after.fsmblks >= full.fsmblks + 200,
	   "free slots in the cache are small free blocks");
	ok(after.hblks == 0 && after.hblkhd == 0, "the large block is gone");
	ok(after.keepcost >= full.keepcost + 200000, "what was freed could be given back");
	malloc_trim(0);
	ok(mallinfo2().keepcost == 0, "and was, by a trim");
}

static int count_open(void) {
	int count = 0;
	for (int file = 0; file < 1024; file++)
		count += fcntl(file, F_GETFD) >= 0;
	return count;
}

/* Each row is more by what the program did; a call changes none, since it allocates nothing. */
static void test_stats_print(void) {
	static char texts[3][4096];
	int ends[2], files = count_open();
	if (pipe(ends))
		give_up("no pipe");
	errno = 0;
	ok(bm_stats_print(-1, BM_STATS_TEXT) == -1 && errno == EBADF, "bm_stats_print(-1): EBADF");
	ok(bm_stats_print(ends[1], (enum bm_stats_format)7) == -1 && errno == EINVAL,
	   "another format: EINVAL");
	for (size_t i = 0; i < COUNT(texts); i++) {
		ok(bm_stats_print(ends[1], BM_STATS_JSON) == 0, "bm_stats_print writes to a pipe");
		if (read(ends[0], texts[i], sizeof texts[i] - 1) <= 0)
			give_up("nothing in the pipe");
	}
	const char *first = strstr(texts[1], "\"rows\""), *second = strstr(texts[2], "\"rows\"");
	ok(first && second && !strcmp(first, second), "and allocates nothing: the rows stay as they are");
	close(ends[0]);
	close(ends[1]);
	ok(count_open() == files, "nor leaves a file open");
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

/* What was freed is not in use, though it is not free yet. */
static int print_quarantine(void) {
	struct mallinfo2 before = mallinfo2();
	void *slot = malloc(1000), *span = malloc(100000), *large = malloc(8 * MB);
	struct mallinfo2 full = mallinfo2();
	free(slot);
	free(span);
	free(large);
	struct mallinfo2 after = mallinfo2();
	if (full.uordblks < before.uordblks + 101000 || full.hblkhd < before.hblkhd + 8 * MB)
		return 1;
	if (after.uordblks != before.uordblks || after.hblkhd != before.hblkhd || after.hblks != before.hblks)
		return 2;
	return bm_stats_print(STDOUT_FILENO, BM_STATS_JSON);
}

/* 100 MB: a third in small blocks, a third in spans, a third in large ones; and a fourth of each is
 * freed. */
static int print_full(void) {
	enum { SMALL = 300, SPAN = 70000 };
	static const size_t sizes[] = {SMALL, SPAN, 3 * MB};
	for (size_t kind = 0; kind < COUNT(sizes); kind++)
		for (size_t i = 0; i < 33 * MB / sizes[kind]; i++) {
			void *block = malloc(sizes[kind]);
			if (!block)
				return 1;
			memset(block, 1, sizes[kind]);
			if (i % 4 == 1)
				free(block);
		}
	return bm_stats_print(STDOUT_FILENO, BM_STATS_JSON);
}

int main(int argc, char **argv) {
	if (argc < 2)
		give_up("usage: statistics FILE | stats");
	if (!bm_stats_print)
		give_up("no bm_stats_print");
	if (!strcmp(argv[1], "stats")) {
		malloc_stats();
		return 0;
	}
	if (!strcmp(argv[1], "text"))
		return bm_stats_print(STDOUT_FILENO, BM_STATS_TEXT);
	if (!strcmp(argv[1], "json"))
		return bm_stats_print(STDOUT_FILENO, BM_STATS_JSON);
	if (!strcmp(argv[1], "quarantine"))
		return print_quarantine();
	if (!strcmp(argv[1], "full"))
		return print_full();
	test_mallinfo2_small();
	test_mallinfo2_large();
	test_mallinfo2_threads();
	test_mallinfo2_fields();
	test_stats_print();
	test_mallinfo();
	test_malloc_info(argv[1]);
	test_trim();
	test_mallopt();
	return done();
}

/*
 * realloc_large.c: one block of 3 MB is freed, one of 1 GB is touched and grows by a quarter.
 *
 * 1. The result is peak_rss_kb: the quarter is not touched, so what exceeds the block is a second
 *    copy of it.
 * 2. LIVE MB of small blocks are there before, as in a program that has done something: an
 *    allocator may then keep the 3 MB, and make them a part of the large block.
 * 3. --scale changes the size of the large block.
 */
#include "common.h"

enum { KB = 1024, MB = 1024 * KB, LIVE = 16, FREED = 3 * MB, PAGE = 4096 };

static struct parcel *take_small(void) {
	struct parcel *list = NULL;
	for (uint32_t i = 0; i < LIVE * KB; i++) {
		struct parcel *parcel = parcel_take(KB, i);
		parcel->next = list;
		list = parcel;
	}
	return list;
}

static void put_small(struct parcel *list) {
	for (struct parcel *next; list; list = next) {
		next = list->next;
		parcel_put(list);
	}
}

static unsigned char mark(size_t at) { return (unsigned char)(at / PAGE % 251); }

static void grow(size_t size) {
	unsigned char *bytes = must_malloc(size);
	for (size_t at = 0; at < size; at += PAGE)
		bytes[at] = mark(at);
	bytes = must_have(realloc(bytes, size + size / 4), size + size / 4);
	for (size_t at = 0; at < size; at += PAGE) {
		if (bytes[at] != mark(at))
			bench_fail("page %zu of %zu lost its content in a realloc", at / PAGE, size / PAGE);
	}
	free(bytes);
}

static void work(struct worker *worker) {
	struct parcel *small = take_small();
	void *freed = must_malloc(FREED);
	memset(freed, 1, FREED);
	free(freed);
	grow(bench_scaled(worker->bench, 1024) * MB);
	put_small(small);
	worker->operations = 5 + 2 * LIVE * KB;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "realloc_large",
	        .describe =
	                "a block of 3 MB is freed, one of 1 GB is touched and grows by a quarter: is there "
	                "ever a second copy of it?",
	        .threads = 1,
	        .note = "peak_rss_kb is the result, 16 MB of small blocks are in it; --scale changes the "
	                "size.",
	};
	return bench_main(&self, argc, argv, work);
}

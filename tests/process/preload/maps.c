/* maps.c: the process is near vm.max_map_count, so that mmap, and munmap of a mapping's middle, fail.
 * The program uses up the mappings itself, which needs no privilege and hurts nobody else. */
#define _GNU_SOURCE
#include <malloc.h>
#include <sys/mman.h>

#include "common.h"

enum { SPARE = 20 };
static size_t page;
static char *stripes;
static size_t nstripes;

static size_t read_limit(void) {
	char text[32] = "";
	int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	return length > 0 ? strtoull(text, NULL, 10) : 0;
}

/* Every second page readable makes two mappings each; then the last few are taken back. */
static int use_up(size_t limit) {
	size_t n = 0;
	stripes =
	        mmap(NULL, (limit + 2) * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (stripes == MAP_FAILED)
		return 0;
	while (n < limit && mprotect(stripes + n * page, page, PROT_READ) == 0)
		n += 2;
	nstripes = limit;
	if (n >= limit)
		return 0;
	for (size_t i = 1; i <= SPARE / 2; i++)
		mprotect(stripes + (n - 2 * i) * page, page, PROT_NONE);
	return 1;
}

static struct block {
	char *bytes;
	size_t size;
} blocks[60000];

static int allocate_until_failure(size_t size, size_t most, size_t *n) {
	while (most-- && *n < COUNT(blocks)) {
		errno = 0;
		char *bytes = malloc(size);
		if (!bytes)
			return errno == ENOMEM;
		blocks[*n] = (struct block){bytes, size};
		fill(bytes, 0, size < 5000 ? size : 5000, *n);
		++*n;
	}
	return 1;
}

static int all_intact(size_t n) {
	int good = 1;
	for (size_t i = 0; i < n; i++)
		if (blocks[i].bytes)
			good &= intact(blocks[i].bytes, blocks[i].size < 5000 ? blocks[i].size : 5000, i);
	return good;
}

static int free_every(size_t n, size_t step, size_t from) {
	int kept = 1;
	for (size_t i = from; i < n; i += step) {
		errno = 12345;
		free(blocks[i].bytes);
		kept &= errno == 12345;
		blocks[i].bytes = NULL;
	}
	return kept;
}

static size_t allocate_mix(void) {
	static const struct {
		size_t size, most;
	} mix[] = {{48, 10000},   {3 * MB, 100}, {1000, 10000}, {100000, 1000},
	           {20000, 2000}, {9 * MB, 20},  {700000, 200}};
	size_t n = 0;
	int clean = 1;
	for (size_t i = 0; i < COUNT(mix); i++)
		clean &= allocate_until_failure(mix[i].size, mix[i].most, &n);
	ok(clean, "%zu blocks are had; a failure is NULL and ENOMEM", n);
	return n;
}

/* Takes back what mappings there are now. */
static void use_up_rest(void) {
	for (size_t i = 0; i < nstripes; i += 2)
		if (mprotect(stripes + i * page, page, PROT_READ))
			return;
}

static void spare_some(void) {
	for (size_t i = 0; i < SPARE; i += 2)
		mprotect(stripes + i * page, page, PROT_NONE);
}

/* Memory goes back by purges where a mapping cannot be split: free pages of chunks, and pages of slabs between live
 * slots. */
static void test_purges(void) {
	size_t n = 0, before = resident();
	int clean = allocate_until_failure(700000, 60, &n) && allocate_until_failure(1000, 40000, &n);
	for (size_t i = 0; i < n; i++)
		memset(blocks[i].bytes, 1, blocks[i].size);
	size_t full = grown(before, resident());
	use_up_rest();
	for (size_t i = 0; i < n; i++) {
		if (i % 20 == 0)
			continue;
		free(blocks[i].bytes);
		blocks[i].bytes = NULL;
	}
	malloc_trim(0);
	size_t kept = grown(before, resident());
	ok(clean && full > 40 * MB && kept < full / 3,
	   "of %zu MB of spans and slots, 1 in 20 live, %zu MB stay", full / MB, kept / MB);
	free_every(n, 20, 0);
	spare_some();
}

/* Large blocks that lie side by side cannot be unmapped one by one; they must not pile up. */
static void test_large(void) {
	enum { N = 12 };
	char *large[N] = {NULL};
	uint64_t random = 9;
	for (int i = 0; i < N; i++)
		large[i] = malloc(4 * MB);
	use_up_rest();
	size_t before = proc_bytes("/proc/self/status", "VmSize:");
	int clean = 1;
	for (int i = 0; i < 4000; i++) {
		char **place = &large[next_random(&random) % N];
		free(*place);
		errno = 0;
		*place = malloc(4 * MB);
		clean &= *place ? **place = 1 : errno == ENOMEM;
		if (i % 50 == 0)
			malloc_trim(0);
	}
	size_t more = grown(before, proc_bytes("/proc/self/status", "VmSize:"));
	ok(clean && more < 4 * N * 4 * MB, "%d large blocks that come and go take %zu MB of addresses", N,
	   more / MB);
	for (int i = 0; i < N; i++)
		free(large[i]);
	spare_some();
}

/* Every failing call leaves the addresses as they were. */
static void test_failures(void) {
	size_t before = proc_bytes("/proc/self/status", "VmSize:");
	int failed = 0;
	char *live = malloc(2 * MB);
	use_up_rest();
	for (int i = 0; i < 500; i++) {
		char *block = memalign(16 * MB, 3 * MB),
		     *moved = live ? realloc(live, (size_t)(3 + i % 2) * MB) : NULL;
		failed += !block;
		live = moved ? moved : live;
		free(block);
	}
	free(live);
	malloc_trim(0);
	size_t more = grown(before, proc_bytes("/proc/self/status", "VmSize:"));
	ok(more < 64 * MB, "500 aligned blocks and moves, of which %d failed, leave %zu MB of addresses",
	   failed, more / MB);
}

int main(void) {
	page = (size_t)sysconf(_SC_PAGESIZE);
	size_t limit = read_limit();
	free(malloc(1));
	if (limit == 0 || limit > 2000000 || !use_up(limit)) {
		skip("few mappings left", "vm.max_map_count cannot be read or reached");
		return done();
	}
	size_t n = allocate_mix();
	ok(all_intact(n), "all are intact");
	ok(free_every(n, 2, 0), "freeing every second one keeps errno, though munmap may fail");
	ok(all_intact(n), "the others are intact");
	char *grown_block = realloc(malloc(2 * MB), 2 * MB + 5000);
	free(grown_block);
	free_every(n, 2, 1);
	n = allocate_mix();
	ok(n > 5000 && all_intact(n), "allocation works again");
	free_every(n, 1, 0);
	malloc_trim(0);
	test_purges();
	test_large();
	test_failures();
	munmap(stripes, (limit + 2) * page);
	return done();
}

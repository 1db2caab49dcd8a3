/* maps.c: the process is near vm.max_map_count, so that mmap, and munmap of a mapping's middle, fail.
 * The program uses up the mappings itself, which needs no privilege and hurts nobody else. */
#define _GNU_SOURCE
#include <malloc.h>
#include <sys/mman.h>

#include "common.h"

enum { SPARE = 20 };
static size_t page;
static char *stripes;

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
	munmap(stripes, (limit + 2) * page);
	return done();
}

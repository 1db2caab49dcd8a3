/* phases.c: phases that each hold 30 MB in another size: each must reuse or give back what the last one
 * freed. */
#include <malloc.h>

#include "common.h"

static size_t live = 30 << 20; /* or as many MB as the argument says */
static void **blocks;

static void phase(size_t size) {
	size_t n = live / size;
	for (size_t i = 0; i < n; i++)
		memset(blocks[i] = malloc(size), 1, size);
	for (size_t i = 0; i < n; i++)
		free(blocks[i]);
}

int main(int argc, char **argv) {
	static const size_t sizes[] = {48, 3 << 20, 1000, 100000, 20000,    700000,
	                               80, 300,     8000, 40000,  12 << 20, 48};
	if (argc > 1)
		live = strtoul(argv[1], NULL, 10) << 20;
	blocks = malloc(live / 48 * sizeof *blocks);
	memset(blocks, 0, live / 48 * sizeof *blocks);
	size_t before = resident(), highest = 0;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		phase(sizes[i]);
		struct rusage usage;
		getrusage(RUSAGE_SELF, &usage);
		highest = (size_t)usage.ru_maxrss * KB;
	}
	size_t peak = grown(before, highest);
	ok(peak < live * 2, "%zu phases of %d MB in different sizes: peak %zu MB", COUNT(sizes),
	   (int)(live >> 20), peak / MB);
	free(blocks);
	return done();
}

/* phases.c: phases that each hold 30 MB in another size: each must reuse or give back what the last one
 * freed. */
#include <malloc.h>

#include "common.h"

enum { LIVE = 30 << 20 };
static void *blocks[LIVE / 48];

static void phase(size_t size) {
	size_t n = LIVE / size;
	for (size_t i = 0; i < n; i++)
		memset(blocks[i] = malloc(size), 1, size);
	for (size_t i = 0; i < n; i++)
		free(blocks[i]);
}

int main(void) {
	static const size_t sizes[] = {48, 3 << 20, 1000, 100000, 20000,    700000,
	                               80, 300,     8000, 40000,  12 << 20, 48};
	memset(blocks, 0, sizeof blocks);
	size_t before = resident(), highest = 0;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		phase(sizes[i]);
		struct rusage usage;
		getrusage(RUSAGE_SELF, &usage);
		highest = (size_t)usage.ru_maxrss * KB;
	}
	size_t peak = grown(before, highest);
	ok(peak < LIVE * 2, "%zu phases of %d MB in different sizes: peak %zu MB", COUNT(sizes), LIVE >> 20,
	   peak / MB);
	return done();
}

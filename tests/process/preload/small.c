/* small.c: a small program: a few blocks of each kind, content checked. limits.t and others run it in need.
 */
#define _GNU_SOURCE
#include <malloc.h>

#include "common.h"

int main(void) {
	static const size_t sizes[] = {1, 16, 48, 100, 1000, 5000, 20000, 70000, 300000};
	char *blocks[COUNT(sizes)];
	int good = 1;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		blocks[i] = malloc(sizes[i]);
		if (blocks[i])
			fill(blocks[i], 0, sizes[i], i);
	}
	for (size_t i = 0; i < COUNT(sizes); i++) {
		good &= blocks[i] && intact(blocks[i], sizes[i], i);
		free(blocks[i]);
	}
	ok(good, "blocks of %zu sizes", COUNT(sizes));
	char *line = NULL;
	ok(asprintf(&line, "%s", "text") == 4, "asprintf");
	free(line);
	return done();
}

/* fences.c: the heap's own records are out of reach of a write that runs on behind a block. The hole behind a block of
 * 4 MB is made as large as a mapping of records, and all others are filled, so that the kernel puts the next one there. */
#define _GNU_SOURCE
#include <malloc.h>
#include <sys/mman.h>

#include "common.h"

enum { SPAN = 1 << 20, SPANS = 150, STEP = 64 << 10 };
static const size_t holes[] = {256 * KB, 264 * KB, 512 * KB, 520 * KB, 1024 * KB, 1032 * KB};
static size_t hole; /* of this child */

/* How the page at an address is mapped: "rw-p" and its kin, "" if it is not. */
static const char *access_of(const char *address) {
	static char text[1 << 16], found[5];
	size_t length = 0;
	int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	for (ssize_t got; (got = read(file, text + length, sizeof text - 1 - length)) > 0;)
		length += (size_t)got;
	close(file);
	text[length] = 0;
	for (char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		char *end;
		uintptr_t from = strtoul(line, &end, 16), to = strtoul(end + 1, &end, 16);
		if (from <= (uintptr_t)address && (uintptr_t)address < to)
			return memcpy(found, end + 1, 4);
	}
	return "";
}

static char *map(void *at, size_t size) {
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (at ? MAP_FIXED_NOREPLACE : 0);
	return mmap(at, size, PROT_NONE, flags, -1, 0);
}

/* A block, behind which nothing is mapped for as long as the hole. */
static char *block_before_hole(void) {
	static char *first; /* the first records come with it */
	first = malloc(4 * MB);
	char *above = malloc(4 * MB), *block = malloc(4 * MB);
	if (!first || block + 4 * MB != above)
		return NULL;
	free(above);
	malloc_trim(0);
	if (map(above + hole, 4 * MB - hole) != above + hole)
		return NULL;
	while (map(NULL, STEP) > above + hole)
		continue;
	munmap(above, hole); /* the last of them */
	return block;
}

/* In a child: 1 if what the heap wrote behind the block can be written to, 2 if that is a fence, 3 if nothing is there. */
static int look_behind(void) {
	char *block = block_before_hole();
	if (!block)
		return 3;
	for (int i = 0; i < SPANS; i++)
		if (!malloc(SPAN))
			return 4;
	const char *access = access_of(block + 4 * MB);
	return !*access ? 3 : access[1] == 'w' ? 1 : 2;
}

int main(void) {
	int landed = 0;
	for (size_t i = 0; i < COUNT(holes); i++) {
		int status;
		hole = holes[i];
		fflush(stdout);
		pid_t child = fork();
		if (child == 0)
			_exit(look_behind());
		waitpid(child, &status, 0);
		int found = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
		ok(found == 2 || found == 3,
		   "a hole of %zu KB behind a block of 4 MB: nothing to write to there", hole / KB);
		landed += found == 2;
	}
	if (landed)
		ok(1, "records were put into %d of these holes, behind a fence", landed);
	else
		skip("records in these holes", "the kernel put them elsewhere");
	return done();
}

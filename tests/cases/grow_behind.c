/* grow_behind.c: a block of 400 MB grows by steps of 10 MB under RLIMIT_AS of 1 GB, with a mapping
 * right behind it that keeps it from growing in place. Prints how many MB it reaches. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { LIMIT_MB = 1024, START_MB = 400, STEP_MB = 10, PAGE = 4096 };

/* Takes the first free page behind a block: the allocator may own more than was asked for. */
static void obstruct(const char *block, size_t mb) {
	uintptr_t end = ((uintptr_t)block + (mb << 20) + PAGE - 1) / PAGE * PAGE;
	for (int i = 0; i < STEP_MB << 20 >> 12; i++) {
		void *page = (void *)(end + (uintptr_t)i * PAGE);
		if (mmap(page, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) !=
		    MAP_FAILED)
			return;
	}
}

int main(void) {
	struct rlimit limit = {(rlim_t)LIMIT_MB << 20, (rlim_t)LIMIT_MB << 20};
	if (setrlimit(RLIMIT_AS, &limit))
		return 1;
	size_t mb = START_MB;
	char *block = malloc(mb << 20);
	if (!block)
		return 1;
	for (;;) {
		block[0] = block[(mb << 20) - 1] = 1;
		obstruct(block, mb);
		char *grown = realloc(block, (mb + STEP_MB) << 20);
		if (!grown)
			break;
		block = grown;
		mb += STEP_MB;
		if (block[0] != 1)
			return 1;
	}
	printf("%zu\n", mb);
	free(block);
	return 0;
}

/* resolver.c: a library whose ifunc resolver allocates: it runs while the loader relocates, before any
 * constructor, ours included. Its blocks must then be as good as any. Aborts where they are not. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 5 };
static const size_t sizes[BLOCKS] = {24, 700, 30000, 200000, 3000000};
static unsigned char *blocks[BLOCKS];

static int answer(void) { return 42; }

static int (*resolve(void))(void) {
	for (int i = 0; i < BLOCKS; i++) {
		void *freed = malloc(sizes[i]);
		blocks[i] = malloc(sizes[i]);
		memset(freed, 0x7e, sizes[i]);
		memset(blocks[i], i + 1, sizes[i]);
		free(freed);
	}
	return answer;
}

__attribute__((visibility("hidden"))) int early(void) __attribute__((ifunc("resolve")));

static void expect(int holds) {
	if (!holds)
		abort();
}

static void expect_filled(const unsigned char *block, size_t size, int i) {
	expect(block[0] == i + 1 && memcmp(block, block + 1, size - 1) == 0);
}

__attribute__((constructor)) static void use(void) {
	expect(early() == 42);
	for (int i = 0; i < BLOCKS; i++) {
		expect_filled(blocks[i], sizes[i], i);
		expect(malloc_usable_size(blocks[i]) >= sizes[i]);
		blocks[i] = realloc(blocks[i], 2 * sizes[i]);
		expect_filled(blocks[i], sizes[i], i);
	}
	for (int i = 0; i < BLOCKS; i++) { /* what was freed before the start too */
		unsigned char *zeroed = calloc(1, sizes[i]);
		expect(zeroed[0] == 0 && memcmp(zeroed, zeroed + 1, sizes[i] - 1) == 0);
		free(zeroed);
	}
	free(blocks[0]); /* the others stay for the destructor */
}

__attribute__((destructor)) static void end(void) {
	for (int i = 1; i < BLOCKS; i++)
		free(blocks[i]);
}

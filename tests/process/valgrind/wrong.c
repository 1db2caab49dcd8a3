/* wrong.c: makes one mistake, named by its arguments, for memcheck to find: wrong KIND [SIZE]. The calls are in functions
 * of their own, so that the stacks of the report can be told. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t size = 40;
static volatile char sink;
static char *volatile block;

__attribute__((noinline)) static void take_it(void) {
	block = malloc(size);
	sink = 0;
}
__attribute__((noinline)) static void give_it(void) {
	free(block);
	sink = 0;
}
__attribute__((noinline)) static void look_at(const volatile char *byte) {
	if (*byte == 'x')
		puts("x");
}

static void overrun(void) { block[size] = 1; }
static void underrun(void) { block[-1] = 1; }
static void read_past(void) { look_at(block + size); }
static void write_freed(void) {
	give_it();
	block[size / 2] = 1;
}
static void read_freed(void) {
	give_it();
	look_at(block + size / 2);
}
static void uninitialised(void) { look_at(block + size / 2); }
static void leak(void) { block = NULL; }
static void double_free(void) {
	give_it();
	give_it();
}
static void free_middle(void) { free(block + 16); }
static void mismatch(void) { /* operator delete, without a C++ library at link time */
	void _ZdlPv(void *) __attribute__((weak));
	if (_ZdlPv)
		_ZdlPv(block);
}
/* What was undefined stays so through realloc, what was defined too. */
static void resized_undefined(void) {
	block[0] = 1;
	block = realloc(block, 2 * size);
	look_at(block);
	look_at(block + size / 2);
}
static void resized_tail(void) {
	memset(block, 1, size);
	block = realloc(block, 2 * size);
	look_at(block + size / 2);
	look_at(block + size);
}
static void aligned_overrun(void) {
	char *volatile aligned = memalign(4096, size);
	aligned[size] = 1;
	free(aligned);
}

static const struct kind {
	const char *name;
	void (*run)(void);
} kinds[] = {
        {"overrun", overrun},
        {"underrun", underrun},
        {"read-past", read_past},
        {"write-freed", write_freed},
        {"read-freed", read_freed},
        {"uninitialised", uninitialised},
        {"leak", leak},
        {"double-free", double_free},
        {"free-middle", free_middle},
        {"mismatch", mismatch},
        {"resized-undefined", resized_undefined},
        {"resized-tail", resized_tail},
        {"aligned-overrun", aligned_overrun},
};

int main(int argc, char **argv) {
	if (argc > 2)
		size = strtoul(argv[2], NULL, 0);
	for (size_t i = 0; argc > 1 && i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(kinds[i].name, argv[1])) {
			take_it();
			kinds[i].run();
			return 0;
		}
	return 2;
}

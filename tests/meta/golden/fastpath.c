/* fastpath.c: N times malloc and free of one block of SIZE bytes, to be counted by callgrind. */
#include <stdlib.h>

int main(int argc, char **argv) {
	size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	while (n-- > 0) {
		void *block = malloc(size);
		__asm__ volatile("" : "+r"(block)); /* or the compiler drops both calls */
		free(block);
	}
	return 0;
}

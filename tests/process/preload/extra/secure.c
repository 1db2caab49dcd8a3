/* secure.c: tells whether it runs in secure mode (set-user-ID) and whose malloc it has, on one line. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

int main(void) {
	Dl_info info;
	char *block = malloc(1000);
	memset(block, 1, 1000);
	free(block);
	const char *name = dladdr((void *)malloc, &info) ? strrchr(info.dli_fname, '/') : NULL;
	printf("secure=%lu heap=%s\n", getauxval(AT_SECURE), name ? name + 1 : "?");
	return 0;
}

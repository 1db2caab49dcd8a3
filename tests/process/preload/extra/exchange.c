/* exchange.c: a library that says whose malloc it has, and hands blocks over. */
#include <stdlib.h>
#include <string.h>

void *whose_malloc(void) { return (void *)malloc; }

/* Frees the block, and returns one of its own. */
char *exchange(char *block) {
	free(block);
	return strdup("from the plugin");
}

int use_heap(void) {
	char *block = malloc(100000), *grown = block ? realloc(block, 3000000) : NULL;
	free(grown);
	return grown != NULL;
}

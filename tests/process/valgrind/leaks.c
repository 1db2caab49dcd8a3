/* leaks.c: leaks known blocks: definitely lost and reachable ones, small, span and large; with an argument, a list too,
 * whose further nodes are lost indirectly. */
#include <stdlib.h>
#include <string.h>

struct node {
	struct node *next;
	char rest[100];
};

static void *volatile reachable[4];

__attribute__((noinline)) static void lose(int nodes) {
	static const size_t sizes[] = {0, 1, 24, 1000, 40000, 300000, 3000000};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *volatile lost = malloc(sizes[i]);
		(void)lost;
	}
	struct node *list = NULL;
	for (int i = 0; i < nodes; i++) {
		struct node *node = calloc(1, sizeof *node);
		node->next = list;
		list = node;
	}
}

__attribute__((noinline)) static void overwrite_stack(void) {
	volatile char stale[4096];
	memset((char *)stale, 0, sizeof stale);
}

int main(int argc, char **argv __attribute__((unused))) {
	reachable[0] = malloc(77);
	reachable[1] = calloc(10, 7);
	reachable[2] = realloc(malloc(5), 500000);
	reachable[3] = aligned_alloc(64, 640);
	lose(argc > 1 ? 5 : 0);
	overwrite_stack();
	return 0;
}

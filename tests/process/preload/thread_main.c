/* thread_main.c: main leaves by pthread_exit; the last thread ends the program. */
#include <stdatomic.h>

#include "common.h"

static pthread_t main_thread;
static atomic_int destroyed;

static void destroy(void *block) {
	free(block);
	destroyed = 1;
}

static void *last(void *argument) {
	char *given = argument;
	ok(pthread_join(main_thread, NULL) == 0, "main has ended");
	ok(destroyed, "its key destructors have run");
	ok(intact(given, 500, 4), "its block is intact");
	free(given);
	for (size_t size = 1; size < 8 * MB; size *= 2) {
		given = realloc(malloc(size), size * 2);
		fill(given, 0, size * 2, size);
		free(given);
	}
	ok(1, "another thread allocates on");
	exit(done());
}

int main(void) {
	pthread_key_t key;
	char *block = malloc(500);
	fill(block, 0, 500, 4);
	main_thread = pthread_self();
	pthread_key_create(&key, destroy);
	pthread_setspecific(key, malloc(100));
	start(last, block);
	pthread_exit(NULL);
}

/* fork_streams.c: a process forks while its threads use streams, whose list fork locks as fflush(NULL) does, and
 * malloc_info. One stream's writing allocates, with that lock held. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdatomic.h>

#include "common.h"

static atomic_int stopped;

static ssize_t allocate_and_write(void *cookie, const char *text, size_t size) {
	(void)cookie, (void)text;
	for (int i = 0; i < 20; i++)
		free(malloc(3 * MB));
	return (ssize_t)size;
}

static void *flush_all(void *unused) {
	FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = allocate_and_write});
	while (!stopped) {
		putc('x', stream);
		fflush(NULL);
	}
	fclose(stream);
	return unused;
}

static void *open_and_close(void *unused) {
	while (!stopped) {
		FILE *stream = fopen("/dev/null", "w");
		if (!stream)
			give_up("no /dev/null");
		fprintf(stream, "%d\n", 1);
		fclose(stream);
	}
	return unused;
}

static void *inform(void *unused) {
	while (!stopped) {
		char *text;
		size_t size;
		FILE *stream = open_memstream(&text, &size);
		malloc_info(0, stream);
		fclose(stream);
		free(text);
	}
	return unused;
}

static void *use_streams(void *result) {
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	int good = malloc_info(0, stream) == 0 && fclose(stream) == 0 && size > 0;
	free(text);
	*(int *)result = good;
	return NULL;
}

/* The child, and a thread of its own. */
static int uses_streams(void) {
	int mine = 0, others = 0;
	use_streams(&mine);
	pthread_join(start(use_streams, &others), NULL);
	return mine && others;
}

int main(void) {
	static void *(*const bodies[])(void *) = {flush_all, open_and_close, inform};
	pthread_t threads[COUNT(bodies)];
	int good = 0;
	alarm(60);
	for (size_t i = 0; i < COUNT(bodies); i++)
		threads[i] = start(bodies[i], NULL);
	for (int i = 0; i < 200; i++)
		good += in_child(uses_streams);
	stopped = 1;
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	ok(good == 200, "%d of 200 children of a process whose threads use streams use them too", good);
	return done();
}

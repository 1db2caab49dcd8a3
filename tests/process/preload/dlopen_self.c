/* dlopen_self.c: the library (argv[1]) opened at run time, used beside libc's own malloc, and closed again.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>

#include "common.h"

enum { THREADS = 6 };
static void *(*their_malloc)(size_t);
static void *(*their_realloc)(void *, size_t);
static void (*their_free)(void *);
static pthread_barrier_t opened, closing;

static int use(void) {
	int good = 1;
	for (size_t size = 1; size <= 4 * MB; size = size * 3 / 2 + 1) {
		char *theirs = their_malloc(size), *libc = malloc(size);
		fill(theirs, 0, size, size);
		fill(libc, 0, size, size + 1);
		theirs = their_realloc(theirs, size * 2);
		good &= intact(theirs, size, size) && intact(libc, size, size + 1);
		their_free(theirs);
		free(libc);
	}
	return good;
}

static void *before_open(void *result) {
	free(malloc(100));
	pthread_barrier_wait(&opened);
	*(int *)result = use();
	pthread_barrier_wait(&closing);
	free(malloc(100));
	pause_ms(20); /* ends after dlclose */
	return NULL;
}

static void *after_open(void *result) {
	*(int *)result = use();
	return NULL;
}

static int all(const int *good) {
	int result = 1;
	for (int i = 0; i < THREADS; i++)
		result &= good[i];
	return result;
}

static void test_new_threads(void) {
	pthread_t threads[THREADS];
	int good[THREADS] = {0};
	for (int i = 0; i < THREADS; i++)
		threads[i] = start(after_open, &good[i]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ok(all(good), "threads made after dlopen use it");
}

static int find_functions(void *library) {
	*(void **)&their_malloc = dlsym(library, "malloc");
	*(void **)&their_realloc = dlsym(library, "realloc");
	*(void **)&their_free = dlsym(library, "free");
	return their_malloc && their_realloc && their_free && their_malloc != malloc;
}

/* 0 if there is nothing to test with */
static int test_round(const char *path) {
	pthread_t threads[THREADS];
	int good[THREADS] = {0};
	pthread_barrier_init(&opened, NULL, THREADS + 1);
	pthread_barrier_init(&closing, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		threads[i] = start(before_open, &good[i]);
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!ok(library != NULL, "dlopen%s%s", library ? "" : ": ", library ? "" : dlerror()))
		return 0;
	if (!ok(find_functions(library), "its malloc is not the program's"))
		return 0;
	ok(use(), "main uses it");
	pthread_barrier_wait(&opened);
	test_new_threads();
	ok(in_child(use), "a child uses it");
	pthread_barrier_wait(&closing);
	ok(dlclose(library) == 0, "dlclose while threads that used it live");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ok(all(good), "threads made before dlopen used it, and ended after dlclose");
	return 1;
}

int main(int argc, char **argv) {
	if (argc < 2)
		give_up("usage: dlopen_self LIBRARY");
	for (int round = 0; round < 3; round++)
		if (!test_round(argv[1]))
			break;
	char *text = strdup("libc's malloc goes on");
	ok(text != NULL, "%s", text);
	free(text);
	return done();
}

/* right.c: a correct program that uses every function, in threads and across fork: memcheck has nothing to say of it.
 * usage: right own|plain [fork]     plain: without pvalloc, which Valgrind's own functions
 * lack, and valloc, in which they race */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int failed, own;

static void expect(int holds, const char *what) {
	if (!holds) {
		fprintf(stderr, "right: %s\n", what);
		failed = 1;
	}
}

static int all_zero(const char *bytes, size_t size) {
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return 0;
	return 1;
}

static void use(size_t size) {
	char *block = malloc(size);
	memset(block, 1, size);
	expect(malloc_usable_size(block) >= size, "malloc_usable_size");
	block = realloc(block, size * 3);
	expect(size == 0 || block[size - 1] == 1, "realloc keeps the content");
	memset(block, 2, size * 3);
	block = realloc(block, size / 2 + 1);
	expect(size == 0 || block[size / 2] == 2, "realloc keeps what is left");
	free(block);
	char *zeroed = calloc(size + 1, 2);
	expect(all_zero(zeroed, 2 * size + 2), "calloc is zero");
	free(reallocarray(zeroed, size + 1, 5));
	for (size_t align = 16; align <= 1 << 21; align *= 8) {
		char *aligned = memalign(align, size + 1);
		expect((size_t)aligned % align == 0, "memalign");
		memset(aligned, 3, size + 1);
		free(aligned);
		void *other = NULL;
		expect(posix_memalign(&other, align, size) == 0 && (size_t)other % align == 0,
		       "posix_memalign");
		free(other);
		free(aligned_alloc(align, align));
	}
	if (own) {
		free(valloc(size));
		free(pvalloc(size));
	}
}

static void *use_all(void *unused) {
	static const size_t sizes[] = {0, 1, 16, 40, 100, 1000, 30000, 100000, 2000000};
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
			use(sizes[i]);
	return unused;
}

/* Blocks that one thread makes and the other frees. */
static char *handed[400];
static pthread_barrier_t made;

static void *make(void *unused) {
	for (size_t i = 0; i < 400; i++)
		handed[i] = memset(malloc(i * 50 + 1), 4, i * 50 + 1);
	pthread_barrier_wait(&made);
	return unused;
}
static void *give(void *unused) {
	pthread_barrier_wait(&made);
	for (size_t i = 0; i < 400; i++)
		free(handed[i]);
	return unused;
}

static void in_threads(void) {
	void *(*const works[])(void *) = {use_all, use_all, make, give};
	pthread_t threads[4];
	pthread_barrier_init(&made, NULL, 2);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, works[i], NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
	int status = 0;
	char *kept = strdup("kept");
	own = argc > 1 && !strcmp(argv[1], "own");
	in_threads();
	if (argc > 2 && !strcmp(argv[2], "fork")) {
		pid_t child = fork();
		if (child == 0)
			in_threads();
		else
			waitpid(child, &status, 0);
		expect(status == 0, "the child");
	}
	free(kept);
	malloc_trim(0);
	return failed;
}

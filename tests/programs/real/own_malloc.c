/* own_malloc.c: a program that brings its own malloc, as browsers and databases do, but not all of the
 * family: reallocarray and what the C library allocates inside must come to the program's heap, preload or
 * not. */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum { HEADER = 16 };
static _Alignas(16) char arena[64 << 20];
static size_t used;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t *size_of(void *block) { return (size_t *)(void *)((char *)block - HEADER); }

static void check_own(const void *block) {
	if ((uintptr_t)block - (uintptr_t)arena < sizeof arena)
		return;
	static const char text[] = "own_malloc: a foreign block came to the program's own free\n";
	fwrite(text, 1, sizeof text - 1, stdout);
	fflush(stdout);
	_Exit(1);
}

void *malloc(size_t size) {
	pthread_mutex_lock(&lock);
	char *block = arena + used + HEADER;
	used += (size + HEADER + 15) & ~(size_t)15;
	pthread_mutex_unlock(&lock);
	if (used > sizeof arena)
		abort();
	*size_of(block) = size;
	return block;
}

void free(void *block) {
	if (block)
		check_own(block);
}

void *calloc(size_t n, size_t size) {
	void *block = malloc(n * size);
	return memset(block, 0, n * size);
}

void *realloc(void *old, size_t size) {
	void *block = malloc(size);
	if (!old)
		return block;
	check_own(old);
	return memcpy(block, old, *size_of(old) < size ? *size_of(old) : size);
}

static void strings(void) {
	char *text = strdup("kept"), *line = NULL;
	size_t size = 0;
	text = reallocarray(text, 100, 10);
	puts(text);
	free(text);
	if (asprintf(&text, "%0500d", 7) == 500)
		free(text);
	wchar_t *wide = wcsdup(L"wide");
	free(wide);
	FILE *file = fopen("/proc/self/status", "r");
	while (file && getline(&line, &size, file) > 0)
		continue;
	free(line);
	if (file)
		fclose(file);
	file = open_memstream(&text, &size);
	for (int i = 0; i < 20000; i++)
		fprintf(file, "%d ", i);
	fclose(file);
	printf("%zu\n", size);
	free(text);
}

static int by_value(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void lists(void) {
	char **list = NULL;
	for (size_t n = 0; n < 1000; n++) {
		list = reallocarray(list, n + 1, sizeof *list);
		if (asprintf(&list[n], "%zu", n * 7919 % 5003) < 0)
			abort();
	}
	qsort(list, 1000, sizeof *list, by_value);
	printf("%s %s\n", list[0], list[999]);
	for (size_t n = 0; n < 1000; n++)
		free(list[n]);
	free(list);
	DIR *folder = opendir("/");
	if (folder)
		closedir(folder);
	free(realpath("/", NULL));
	setenv("OWN", "value", 1);
	puts(getenv("OWN"));
}

static void *thread_main(void *unused) {
	strings();
	return unused;
}

int main(void) {
	pthread_t thread;
	strings();
	lists();
	if (pthread_create(&thread, NULL, thread_main, NULL) == 0)
		pthread_join(thread, NULL);
	return 0;
}

/* layout.c: lays out blocks in every state that `bm why` knows, says on the file of argv[1] where they are (as a shell
 * reads it), and what the library itself counts; then it stops, in `stopped`, and aborts. With another argument before
 * the file it goes on to calls that gdb stops in the middle of. It has names of its own that the library has too.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef LINKED
#define LINKED 0
#endif
#pragma GCC diagnostic ignored                                                                               \
        "-Wmissing-prototypes" /* for names that the library has too, and gdb stops at */

enum { PAGE = 4096, MB = 1 << 20, MANY = 400 };

struct chunk {
	char base[3];
};
struct slab {
	double bits;
};
struct chunk centrals[3], chunks, larges, caches, metadata;
#if !LINKED /* with the library itself: these names of it are not static */
struct slab pagemap_root[5], class_sizes;
int central_refill(void) { return 1; }
int chunk_take(void) { return 2; }
#endif

static FILE *out;
static char buffer[BUFSIZ];
static char *slot[4], *span[3], *hole[3], *trimmed, *tail, *twice[2], *again[2], *many[MANY],
        *scavenged[MANY], *large[3], *odd;
static char *other[3], *ended;
static pthread_barrier_t ready;
static volatile int go_on;

static void say(const char *name, const void *address) {
	fprintf(out, "%s=%#lx\n", name, (uintptr_t)address);
}

static void say_each(const char *name, char **address, int n) {
	for (int i = 0; i < n; i++)
		fprintf(out, "%s%d=%#lx\n", name, i, (uintptr_t)address[i]);
}

static int compare(const void *a, const void *b) {
	return *(char *const *)a < *(char *const *)b ? -1 : *(char *const *)a > *(char *const *)b;
}

static char *written(size_t size) {
	char *block = malloc(size);
	return memset(block, 1, size);
}

static void take(char **block, int n, size_t size) {
	for (int i = 0; i < n; i++)
		block[i] = written(size);
	qsort(block, (size_t)n, sizeof *block, compare);
}

/* A thread that frees three slots and stays. */
static void *stay(void *unused) {
	take(other, 3, 1280);
	for (int i = 0; i < 3; i++)
		free(other[i]);
	fprintf(out, "lwp2=%d\n", gettid());
	pthread_barrier_wait(&ready);
	for (;;)
		pause();
	return unused;
}

/* A thread that frees a slot and ends. */
static void *end(void *unused) {
	ended = malloc(1536);
	free(ended);
	return unused;
}

/* All that the states below need, so that what is freed then is not taken again. */
static void take_all(void) {
	pthread_t thread;
	pthread_barrier_init(&ready, NULL, 2);
	pthread_create(&thread, NULL, stay, NULL);
	pthread_barrier_wait(&ready);
	take(span, 3, 30 * PAGE);
	take(hole, 3, 40 * PAGE);
	trimmed = written(20 * PAGE);
	take(slot, 4, 3072);
	take(many, MANY, 640);
	take(twice, 2, 896);
	take(again, 2, 1024);
	take(&ended, 1, 1536);
	take(large, 3, 4 * MB);
	take(&odd, 1, 3 * MB);
	tail = (char *)((uintptr_t)written(112) / PAGE * PAGE) +
	       36 * 112; /* 36 slots fill a page but for 64 bytes */
}

/* Frees a slot a second time, unnoticed: its mark, which is its second word, was written over. */
static void free_again(char *freed) {
	char *volatile block = freed;
	memset(block + sizeof(void *), 1, sizeof(void *));
	free(block);
}

static void lay_out(void) {
	pthread_t thread;
	take_all();
	free(hole[1]);
	free(slot[1]);
	free(again[0]);
	malloc_trim(0); /* what was freed until here is free in its slab, or purged */
	trimmed = realloc(trimmed, 12 * PAGE);
	for (int i = 0; i < MANY; i++)
		free(many[i]);
	pthread_create(&thread, NULL, end, NULL);
	pthread_join(thread, NULL);
	free(large[1]);
	free(span[1]);
	free(slot[2]);
	free(twice[0]);
	free(twice[1]);
	free_again(again[0]);
	free_again(twice[0]);
}

static void tell(void) {
	say_each("slot", slot, 4);
	say_each("span", span, 3);
	say_each("hole", hole, 3);
	say("trimmed", trimmed);
	say_each("large", large, 3);
	say("odd", odd);
	say("tail", tail);
	say_each("twice", twice, 2);
	say_each("again", again, 2);
	say_each("other", other, 3);
	say("ended", ended);
	say("oldest", many[0]);
	say("scavenged", scavenged[14]);
	say("stack", &ready);
	fprintf(out, "lwp1=%d\n", gettid());
	malloc_info(0, out);
	fflush(out);
}

__attribute__((noinline)) void stopped(void) { go_on++; }

/* Calls that gdb stops in the middle of. */
static void change(void) {
	for (int i = 1; i < MANY; i++)
		free(scavenged[i]);
	malloc_trim(0);
	large[0] = realloc(large[0], 64 * MB);
}

int main(int argc, char **argv) {
	out = fopen(argv[argc - 1], "w");
	setvbuf(out, buffer, _IOFBF, sizeof buffer);
	if (argc == 2) {
		lay_out();
	} else {
		take(scavenged, MANY, 768);
		take(span, 3, 30 * PAGE);
		free(span[1]);
		large[0] = malloc(4 * MB);
	}
	tell();
	stopped();
	if (argc > 2)
		change();
	abort();
}

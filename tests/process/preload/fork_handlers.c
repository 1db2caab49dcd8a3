/* fork_handlers.c: the program's fork handlers allocate, whenever they were registered.
 * Those of preinit_array come before any library's constructor: their prepare runs after every other, and
 * their parent and child run before. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdatomic.h>

#include "common.h"

static char *held[2];
static int ran[2][3];
static atomic_int stop;

static int use(void) {
	int good = 1;
	for (size_t size = 1; size <= 4 * MB; size *= 2) {
		char *block = calloc(1, size);
		good &= block != NULL;
		fill(block, 0, size < 5000 ? size : 5000, size);
		block = realloc(block, size * 2);
		good &= intact(block, size < 5000 ? size : 5000, size);
		free(block);
	}
	return good;
}

/* A block made in prepare is freed on both sides. */
static void prepare(int which) {
	ran[which][0] += use();
	held[which] = malloc(2000);
	fill(held[which], 0, 2000, 8);
}

static void after(int which, int side) {
	ran[which][side] += intact(held[which], 2000, 8) && use();
	free(held[which]);
}

static void early_prepare(void) { prepare(0); }
static void early_parent(void) { after(0, 1); }
static void early_child(void) { after(0, 2); }
static void late_prepare(void) { prepare(1); }
static void late_parent(void) { after(1, 1); }
static void late_child(void) { after(1, 2); }

static void before_constructors(void) { pthread_atfork(early_prepare, early_parent, early_child); }

__attribute__((section(".preinit_array"), used)) static void (*preinit)(void) = before_constructors;

static void *busy(void *number) {
	for (size_t i = (size_t)number; !stop; i++)
		free(malloc(i % 70000));
	return NULL;
}

static int child(void) { return use() && ran[0][2] == 1 && ran[1][2] == 1; }

static void check(const char *kind) {
	memset(ran, 0, sizeof ran);
	int good = 0;
	while (good < 20 && in_child(child))
		good++;
	ok(good == 20, "%s: the child handlers allocate", kind);
	ok(ran[0][0] == 20 && ran[0][1] == 20, "%s: handlers registered in preinit_array allocate", kind);
	ok(ran[1][0] == 20 && ran[1][1] == 20, "%s: handlers registered in main allocate", kind);
}

int main(void) {
	alarm(30); /* a deadlock in prepare would be the parent's */
	pthread_atfork(late_prepare, late_parent, late_child);
	check("one thread");
	pthread_t threads[4];
	for (size_t i = 0; i < COUNT(threads); i++)
		threads[i] = start(busy, (void *)(i * 1000));
	check("four busy threads");
	stop = 1;
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	return done();
}

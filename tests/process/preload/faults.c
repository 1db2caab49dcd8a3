/* faults.c: from some moment of a process's life on, the kernel answers ENOMEM to every mmap, munmap, madvise, mremap
 * or mprotect, or to all of them: a seccomp filter, which can never be lifted, so a child for each case. Nothing
 * here calls malloc before a case does: the first malloc of the child is then the first of the process.
 * Every case ends by exit(), so that what runs at exit runs too. */
#define _GNU_SOURCE
#include <malloc.h>
#include <sys/mman.h>

#include "common.h"
#include "refuse.h"

static const struct kind *kind; /* of the case */

/* ---- blocks, in a table without malloc ---- */

enum { BLOCKS = 2500 };
static struct block {
	char *bytes;
	size_t size;
} blocks[BLOCKS];

static int good; /* nothing went wrong in this case */

static void need(int holds, const char *what, int line) {
	if (!holds)
		printf("# %s refused: line %d: %s\n", kind->name, line, what);
	good &= holds;
}
#define NEED(holds) need(holds, #holds, __LINE__)

/* A word at its start, one in each 2 KB, and its end. */
static void mark(const struct block *block) {
	for (size_t at = 0; at + 8 <= block->size; at += 2 * KB)
		fill(block->bytes + at, 0, 8, (uintptr_t)block + at);
	if (block->size % 8)
		block->bytes[block->size - 1] = (char)block->size;
}

/* The first `size` bytes, which need not be at their place any more. */
static int is_marked(const struct block *block, const char *bytes, size_t size) {
	for (size_t at = 0; at + 8 <= size; at += 2 * KB)
		if (!intact(bytes + at, 8, (uintptr_t)block + at))
			return 0;
	return size < block->size || size % 8 == 0 || bytes[size - 1] == (char)size;
}

static void check_all(void) {
	for (struct block *block = blocks; block < blocks + BLOCKS; block++)
		if (block->bytes)
			NEED(is_marked(block, block->bytes, block->size));
}

/* A failure must be NULL and ENOMEM, and only where memory is refused. */
static int was_given(const void *bytes) {
	if (bytes) {
		NEED(errno == 12345);
		return 1;
	}
	NEED(errno == ENOMEM);
	NEED(kind->gives);
	return 0;
}

static const size_t sizes[] = {16, 100, 1000, 5000, 20000, 40000, 100000, 700000, MB, 4 * MB, 3 * MB + 5000};

static size_t size_of(size_t i) { return i % 64 < 2 ? sizes[5 + i / 64 % 6] : sizes[i % 5]; }

/* Fills the places [from, to) that are free; every third by calloc, every seventh aligned. How many were given. */
static size_t take(size_t from, size_t to) {
	size_t given = 0;
	for (size_t i = from; i < to; i++) {
		struct block *block = &blocks[i];
		if (block->bytes)
			continue;
		block->size = size_of(i);
		errno = 12345;
		if (i % 3 == 0)
			block->bytes = calloc(1, block->size);
		else if (i % 7 == 0)
			block->bytes = memalign(4096, block->size);
		else
			block->bytes = malloc(block->size);
		if (!was_given(block->bytes))
			continue;
		NEED(i % 3 || all_zero(block->bytes, block->size));
		mark(block);
		given++;
	}
	return given;
}

static void release(size_t from, size_t to, size_t step) {
	for (size_t i = from; i < to; i += step) {
		errno = 12345;
		free(blocks[i].bytes);
		NEED(errno == 12345);
		blocks[i].bytes = NULL;
	}
}

static void resize(size_t from, size_t to) {
	for (size_t i = from; i < to; i++) {
		struct block *block = &blocks[i];
		size_t size = i % 2 ? size_of(i * 31 + 1) : block->size * 2;
		if (!block->bytes)
			continue;
		errno = 12345;
		char *moved = realloc(block->bytes, size);
		if (!was_given(moved)) {
			NEED(size > block->size);
			NEED(is_marked(block, block->bytes, block->size));
			continue;
		}
		NEED(is_marked(block, moved, size < block->size ? size : block->size));
		block->bytes = moved;
		block->size = size;
		mark(block);
	}
}

/* What a program does in need: it takes what there is, changes it, frees half and takes it again, and frees all. */
static void work(size_t from, size_t to) {
	take(from, to);
	check_all();
	resize(from, to);
	check_all();
	release(from, to, 2);
	check_all();
	take(from, to);
	check_all();
	release(from, to, 3);
	malloc_trim(0);
	take(from, to);
	check_all();
	release(from, to, 1);
	check_all();
}

/* Memory that was there, is freed in small blocks and stays: it must be had again whatever is refused. */
static void reuse(void) {
	static char *small[1000];
	size_t given = 0;
	for (size_t i = 0; i < COUNT(small); i++)
		small[i] = malloc(500);
	NEED(refuse(kind, 1));
	for (int round = 0; round < 10; round++) {
		for (size_t i = 0; i < COUNT(small); i++)
			free(small[i]);
		for (size_t i = 0; i < COUNT(small); i++)
			given += (small[i] = malloc(500)) != NULL;
	}
	NEED(given == 10 * COUNT(small));
}

/* ---- the moments ---- */

static void first_of_process(void) {
	NEED(refuse(kind, 1));
	work(0, BLOCKS);
}

static void in_the_middle(void) {
	take(0, BLOCKS / 2);
	release(0, BLOCKS / 2, 5); /* caches and the pool are filled */
	NEED(refuse(kind, 1));
	work(BLOCKS / 4, BLOCKS);
	release(0, BLOCKS, 1);
}

static void *work_in_thread(void *refused_here) {
	if (refused_here)
		NEED(refuse(kind, 0));
	work(BLOCKS / 2, BLOCKS);
	return NULL;
}

/* Refused to one thread alone, from before its first malloc; the first thread then finds the heap in order. */
static void first_of_thread(void) {
	take(0, BLOCKS / 2);
	pthread_join(start(work_in_thread, blocks), NULL);
	check_all();
	const struct kind *refused_kind = kind, none = {"nothing", {0}, 0, 0};
	kind = &none;
	NEED(take(BLOCKS / 2, BLOCKS) == BLOCKS / 2);
	resize(0, BLOCKS);
	check_all();
	kind = refused_kind;
	release(0, BLOCKS, 1);
}

static void *fill_cache(void *unused) {
	take(0, 500);
	release(0, 500, 2);
	return unused;
}

/* A thread ends with a full cache; the next one, on the stack of the first, takes it over. */
static void adopted(void) {
	pthread_join(start(fill_cache, NULL), NULL);
	NEED(refuse(kind, 1));
	pthread_join(start(work_in_thread, NULL), NULL);
	work(0, BLOCKS / 2);
}

static void forked(void) {
	take(0, BLOCKS / 2);
	pthread_join(start(fill_cache, NULL), NULL);
	NEED(refuse(kind, 1));
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		work(BLOCKS / 4, BLOCKS);
		release(0, BLOCKS, 1);
		fflush(stdout);
		exit(!good);
	}
	NEED(exited_zero(child));
	check_all();
	work(0, BLOCKS);
}

static const struct moment {
	const char *name;
	void (*live)(void);
} moments[] = {
        {"before the first malloc of the process", first_of_process},
        {"in the middle of its life", in_the_middle},
        {"while the same blocks come and go", reuse},
        {"to a thread, before its first malloc", first_of_thread},
        {"before a thread adopts another's cache", adopted},
        {"before a fork", forked},
};

int main(void) {
	if (!in_child(can_refuse)) {
		skip("calls refused by a filter", "no seccomp here");
		return done();
	}
	for (size_t m = 0; m < COUNT(moments); m++) {
		for (kind = kinds; kind < kinds + COUNT(kinds); kind++) {
			fflush(stdout);
			pid_t child = fork();
			if (child == 0) {
				alarm(60);
				good = 1;
				moments[m].live();
				fflush(stdout);
				exit(!good);
			}
			ok(exited_zero(child), "%s refused %s", kind->name, moments[m].name);
		}
	}
	return done();
}

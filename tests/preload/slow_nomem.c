/* slow_nomem.c: memory used up under RLIMIT_AS and RLIMIT_DATA, in four sizes: NULL and ENOMEM, nothing
 * damaged, and what is freed can be had again. Each case runs in a child, whose findings are in shared
 * memory. */
#define _GNU_SOURCE
#include <malloc.h>
#include <sys/mman.h>

#include "common.h"

enum { LIMIT = 192 << 20 };

/* Blocks form a list through their own first words: no other memory is needed, down to 16 B. */
struct block {
	struct block *next;
	uint64_t tag;
};

static struct findings {
	size_t first, freed, again, other;
	int enomem, intact_full, intact_half, intact_again, ended;
} * found;

static int resource, case_size;

static void mark(struct block *block, size_t size, uint64_t tag) {
	block->tag = tag;
	fill(block, sizeof *block, size, tag);
}

static int list_intact(const struct block *list, size_t size) {
	for (; list; list = list->next) {
		const char *bytes = (const char *)list;
		for (size_t at = sizeof *list; at + 8 <= size; at += 8) {
			uint64_t word = pattern(list->tag, at);
			if (memcmp(bytes + at, &word, 8))
				return 0;
		}
	}
	return 1;
}

/* Prepends blocks to the list until there is no memory, or most are had. */
static size_t take(struct block **list, size_t size, size_t most) {
	size_t n = 0;
	for (; n < most; n++) {
		errno = 0;
		struct block *block = malloc(size);
		if (!block)
			break;
		mark(block, size, (uintptr_t)block);
		block->next = *list;
		*list = block;
	}
	found->enomem &= n == most || errno == ENOMEM;
	return n;
}

static size_t free_every_second(struct block *list) {
	size_t n = 0;
	for (; list && list->next; list = list->next) {
		struct block *gone = list->next;
		list->next = gone->next;
		free(gone);
		n++;
	}
	return n;
}

static void free_list(struct block *list) {
	while (list) {
		struct block *next = list->next;
		free(list);
		list = next;
	}
}

static int exhaust(void) {
	struct rlimit limit = {LIMIT, LIMIT};
	size_t size = (size_t)case_size, other = size > 1000000 ? 48 : 3 * MB;
	struct block *list = NULL;
	setrlimit(resource, &limit);
	found->enomem = 1;
	found->first = take(&list, size, SIZE_MAX);
	for (int i = 0; i < 1000; i++) /* fails again, and quickly */
		found->enomem &= malloc(64 * MB) == NULL;
	found->intact_full = list_intact(list, size);
	found->freed = free_every_second(list);
	found->intact_half = list_intact(list, size);
	found->again = take(&list, size, found->freed);
	found->intact_again = list_intact(list, size);
	free_list(list);
	list = NULL;
	found->other = take(&list, other, SIZE_MAX) * other;
	free_list(list);
	found->ended = 1;
	return 1;
}

static void check(const char *name, int which, int size) {
	resource = which;
	case_size = size;
	memset(found, 0, sizeof *found);
	int lived = in_child(exhaust);
	ok(lived && found->ended, "%s, %d B: the program lives through it", name, size);
	ok(found->enomem, "%s, %d B: failure is NULL and ENOMEM", name, size);
	ok(found->first * (size_t)size > LIMIT / 5 * 2, "%s, %d B: %zu MB of %d were had", name, size,
	   found->first * (size_t)size / MB, LIMIT >> 20);
	ok(found->intact_full && found->intact_half && found->intact_again, "%s, %d B: blocks stay intact",
	   name, size);
	ok(found->again >= found->freed / 10 * 9, "%s, %d B: of %zu blocks freed, %zu are had again", name,
	   size, found->freed, found->again);
	ok(found->other > LIMIT / 2, "%s, %d B: all freed, %zu MB are had in another size", name, size,
	   found->other / MB);
}

int main(void) {
	static const int sizes[] = {16, 1024, 40 << 10, 3 << 20};
	found = mmap(NULL, sizeof *found, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		check("RLIMIT_AS", RLIMIT_AS, sizes[i]);
		check("RLIMIT_DATA", RLIMIT_DATA, sizes[i]);
	}
	return done();
}

/* slow_nomem.c: memory used up under RLIMIT_AS and RLIMIT_DATA, in four sizes and in all of them mixed: NULL and ENOMEM, nothing
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
	size_t first, freed, again, other; /* bytes */
	int enomem, intact_full, intact_half, intact_again, ended;
} * found;

static const size_t mixed[] = {16, 1024, 200, 40 << 10, 3000, 16, 700 << 10, 20 << 10, 3 << 20, 100};
static int resource, case_size; /* a size of 0: all those */

static size_t size_of(uint64_t tag) {
	return case_size ? (size_t)case_size : mixed[tag * 7919 / 8 % COUNT(mixed)];
}

static void mark(struct block *block, size_t size, uint64_t tag) {
	block->tag = tag;
	fill(block, sizeof *block, size, tag);
}

static int list_intact(const struct block *list) {
	for (; list; list = list->next) {
		const char *bytes = (const char *)list;
		size_t size = size_of(list->tag);
		for (size_t at = sizeof *list; at + 8 <= size; at += 8) {
			uint64_t word = pattern(list->tag, at);
			if (memcmp(bytes + at, &word, 8))
				return 0;
		}
	}
	return 1;
}

/* Prepends blocks to the list until there is no memory for any size, or so many bytes are had. */
static size_t take(struct block **list, size_t most) {
	static uint64_t tag;
	size_t bytes = 0, misses = 0;
	for (; bytes < most && misses <= (case_size ? 0 : 4 * COUNT(mixed)); tag++) {
		errno = 0;
		struct block *block = malloc(size_of(tag));
		if (!block) {
			found->enomem &= errno == ENOMEM;
			misses++;
			continue;
		}
		misses = 0;
		mark(block, size_of(tag), tag);
		block->next = *list;
		*list = block;
		bytes += size_of(tag);
	}
	return bytes;
}

static size_t free_every_second(struct block *list) {
	size_t bytes = 0;
	for (; list && list->next; list = list->next) {
		struct block *gone = list->next;
		list->next = gone->next;
		bytes += size_of(gone->tag);
		free(gone);
	}
	return bytes;
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
	int other = case_size > 1000000 ? 48 : 3 << 20;
	struct block *list = NULL;
	setrlimit((unsigned)resource, &limit);
	found->enomem = 1;
	found->first = take(&list, SIZE_MAX);
	for (int i = 0; i < 1000; i++) /* fails again, and quickly */
		found->enomem &= malloc(64 * MB) == NULL;
	found->intact_full = list_intact(list);
	found->freed = free_every_second(list);
	found->intact_half = list_intact(list);
	found->again = take(&list, found->freed);
	found->intact_again = list_intact(list);
	free_list(list);
	list = NULL;
	case_size = other;
	found->other = take(&list, SIZE_MAX);
	free_list(list);
	found->ended = 1;
	return 1;
}

static void check(const char *limit, int which, int size) {
	char name[80], sizes[20];
	resource = which;
	case_size = size;
	snprintf(sizes, sizeof sizes, "%d B", size);
	snprintf(name, sizeof name, "%s, %s", limit, size ? sizes : "mixed sizes");
	memset(found, 0, sizeof *found);
	int lived = in_child(exhaust);
	ok(lived && found->ended, "%s: the program lives through it", name);
	ok(found->enomem, "%s: failure is NULL and ENOMEM", name);
	ok(found->first > LIMIT / 5 * 2, "%s: %zu MB of %d were had", name, found->first / MB, LIMIT >> 20);
	ok(found->intact_full && found->intact_half && found->intact_again, "%s: blocks stay intact", name);
	ok(found->again >= found->freed / 10 * 9, "%s: of %zu KB freed, %zu are had again", name,
	   found->freed / KB, found->again / KB);
	ok(found->other > LIMIT / 2, "%s: all freed, %zu MB are had in another size", name,
	   found->other / MB);
}

int main(void) {
	static const int sizes[] = {16, 1024, 40 << 10, 3 << 20, 0};
	found = mmap(NULL, sizeof *found, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		check("RLIMIT_AS", RLIMIT_AS, sizes[i]);
		check("RLIMIT_DATA", RLIMIT_DATA, sizes[i]);
	}
	return done();
}

/* slack.c: see slack.h. No engine remembers what was asked for, only what it gave, so the ledger does: a hash
 * table beside the heap, open addressing, linear probing, deletion by moving back (Knuth vol. 3, 6.4,
 * algorithm R).
 *
 * S1. At most half of the places are in use.
 * S2. From a live block's home to its place there is no empty place.
 */
#include "slack.h"

#include "ground/os.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { FIRST_PLACES = 1 << 16, FD_MIN = 100 };

struct entry {
	uintptr_t block; /* 0: an empty place */
	size_t asked, given;
};

bool slack_counting;

static struct entry *table;
static size_t places, used; /* places: a power of two */
static size_t asked_now, asked_peak, given_now, given_peak;
static int stream = -1;

static size_t home(uintptr_t block) { return (block >> 4) * 0x9e3779b97f4a7c15 >> 20 & (places - 1); }
static size_t after(size_t place) { return (place + 1) & (places - 1); }

static size_t find(uintptr_t block) {
	size_t place = home(block);
	while (table[place].block && table[place].block != block)
		place = after(place);
	return place;
}

static bool grow(void) {
	struct entry *old = table;
	size_t old_places = places, new_places = places ? places * 2 : FIRST_PLACES;
	struct entry *new = os_map_aligned(new_places * sizeof *new, os_page_size());
	if (!new)
		return false;
	table = new;
	places = new_places;
	for (size_t i = 0; i < old_places; i++)
		if (old[i].block)
			table[find(old[i].block)] = old[i];
	if (old)
		os_unmap(old, old_places * sizeof *old);
	return true;
}

void slack_start(void) {
	stream = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, FD_MIN);
	slack_counting = stream >= 0 && grow();
}

void slack_take(const void *block, size_t asked, size_t given) {
	if (2 * used >= places && !grow()) {
		slack_counting = false;
		return;
	}
	table[find((uintptr_t)block)] = (struct entry){(uintptr_t)block, asked, given};
	used++;
	asked_now += asked;
	given_now += given;
	asked_peak = max_size(asked_peak, asked_now);
	given_peak = max_size(given_peak, given_now);
}

/* Empties a place and closes the gap, so that S2 holds. */
static void erase(size_t gap) {
	for (size_t place = after(gap); table[place].block; place = after(place)) {
		size_t from_home = (place - home(table[place].block)) & (places - 1);
		size_t from_gap = (place - gap) & (places - 1);
		if (from_home >= from_gap) {
			table[gap] = table[place];
			gap = place;
		}
	}
	table[gap].block = 0;
	used--;
}

void slack_put(const void *block) {
	size_t place = find((uintptr_t)block);
	if (!table[place].block)
		return;
	asked_now -= table[place].asked;
	given_now -= table[place].given;
	erase(place);
}

void slack_print(void) {
	char line[100];
	int length = snprintf(line, sizeof line, "slack: asked %zu bytes, given %zu bytes\n", asked_peak,
	                      given_peak);
	ssize_t written = write(stream, line, (size_t)length);
	(void)written; /* with stderr closed there is nobody to tell */
}

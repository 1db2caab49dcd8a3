/* registry.c: two threads register chunks of addresses for which there is no leaf yet; a third reads. */
#include "explore.h"

#include "../model/fresh.h"

#include "ground/pagemap.h"

static char *const region = (char *)((uintptr_t)5 << LEAF_SHIFT);
static struct owner owners[2]; /* plain: a reader that finds one must find it filled */

static char *chunk_of(unsigned i) { return region + (size_t)i * CHUNK_SIZE; }

UNWATCHED static void begin(void) {
	make_fresh();
	owners[0].kind = owners[1].kind = OWNER_NONE;
}

static void write_or_read(unsigned i) {
	if (i < 2) {
		owners[i].kind = OWNER_CHUNK;
		EXPECT(pagemap_set_owner(chunk_of(i), CHUNK_SIZE, &owners[i]));
		pagemap_set_class(chunk_of(i), CHUNK_PAGES / 2, i + 1);
		EXPECT(pagemap_owner(chunk_of(i)) == &owners[i]);
		EXPECT(pagemap_class(chunk_of(i)) == i + 1);
		return;
	}
	for (i = 0; i < 2; i++) {
		struct owner *owner = pagemap_owner(chunk_of(i));
		EXPECT(!owner || owner->kind == OWNER_CHUNK);
		char *unused = chunk_of(i) + CHUNK_SIZE / 2;
		if (pagemap_in_window(pagemap_offset(unused)))
			EXPECT(pagemap_window_class(pagemap_offset(unused)) == 0);
		EXPECT(pagemap_class(unused) == 0);
	}
}

UNWATCHED static void end(void) {
	for (unsigned i = 0; i < 2; i++) {
		EXPECT(pagemap_owner(chunk_of(i)) == &owners[i]);
		EXPECT(pagemap_in_window(pagemap_offset(chunk_of(i))));
		EXPECT(pagemap_window_class(pagemap_offset(chunk_of(i))) == i + 1);
	}
	EXPECT(nmapped == 1); /* one leaf: the other went back */
}

int main(void) {
	explore(&(struct scenario){"two chunks are registered in a new leaf", 2, WATCHED ? 4 : NO_BOUND,
	                           begin, write_or_read, end});
	explore(&(struct scenario){"… while they are looked up", 3, 3, begin, write_or_read, end});
	return explored();
}

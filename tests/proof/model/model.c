/* model.c: random operations of one thread against the reference of blocks.h. */
enum { BLOCKS = 400 };

#include "choices.h"

#include <errno.h>

enum { CHECK_EVERY = 200, LIVE_BYTES = 48 << 20 };

static void release_some(struct source *source) {
	uint32_t one_of = 1 + draw_below(source, 4);
	for (struct block *block = blocks; block < blocks + BLOCKS; block++)
		if (block->at && draw_below(source, one_of) == 0)
			do_release(block, false);
}

static void step(struct source *source) {
	struct block *block = &blocks[draw_below(source, BLOCKS)];
	uint32_t kind = draw_below(source, 1000);
	errno = EXDEV;
	if (kind == 0 || live_bytes > LIVE_BYTES)
		release_some(source);
	else if (kind == 1)
		trim();
	else if (!block->at)
		do_take(source, block, kind % 8);
	else if (kind % 4 == 0)
		do_reallocate(source, block);
	else
		do_release(block, false);
	EXPECT(errno == EXDEV);
}

static void run(struct source *source, size_t nsteps) {
	for (size_t i = 1; i <= nsteps && !source->ended; i++) {
		step(source);
		if (i % CHECK_EVERY == 0)
			check_all();
	}
	release_all();
	check_all();
	trim();
	check_all();
	expect_nothing_left();
}

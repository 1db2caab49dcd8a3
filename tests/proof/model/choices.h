/* choices.h: what the models of the engine on a healthy kernel choose: sizes, calls, resizes; and that
 * nothing is left in the end. */
#ifndef TESTS_CHOICES_H
#define TESTS_CHOICES_H

#include "blocks.h"

/* When all blocks are returned and trimmed. */
static void expect_nothing_left(void) {
	struct account account = account_read();
	EXPECT(live_bytes == 0 && account_in_chunks(&account) == 0 && account.rows[ROW_LIVE_LARGE] == 0);
	EXPECT(account.chunks == 0 && account.cached_slots == 0 && account.rows[ROW_POOL] == 0);
	for (size_t i = 0; i < GIVEN && i < ngiven; i++)
		EXPECT(pagemap_owner(given[i]) == NULL && pagemap_class(given[i]) == 0);
	ngiven = 0;
}

static size_t draw_size(struct source *source) {
	static const size_t borders[] = {0, 16, 128, 512, 4096, 32768, 65536, 1 << 20, 2 << 20};
	uint32_t kind = draw_below(source, 64);
	if (kind < 40)
		return draw_below(source, 600);
	if (kind < 54)
		return draw_below(source, 32769);
	if (kind < 60)
		return draw_below(source, 300000);
	if (kind < 63)
		return borders[draw_below(source, 9)] + draw_below(source, 3);
	return draw_below(source, 5 << 20);
}

static void do_take(struct source *source, struct block *block, uint32_t kind) {
	size_t size = draw_size(source), align = 16;
	void *at;
	if (kind == 0) {
		at = allocate_zeroed(1, size);
		EXPECT(at != NULL);
		expect_zero(at, size);
	} else if (kind == 1) {
		align = (size_t)1 << draw_below(source, draw_below(source, 16) ? 13 : 23);
		at = allocate_aligned(align, size);
	} else {
		at = allocate(size);
	}
	note(block, at, size, align);
	block->plain = kind != 1;
}

static void do_reallocate_to(struct block *block, size_t size) {
	struct block old = *block;
	unsigned char *at = reallocate(old.at, size);
	forget(block);
	if (size == 0) {
		EXPECT(at == NULL);
		return;
	}
	EXPECT(at != NULL);
	expect_fill(&old, at, min_size(old.size, size));
	note(block, at, size, 16);
	block->plain = false;
}

static void do_reallocate(struct source *source, struct block *block) {
	do_reallocate_to(block, draw_below(source, 4)
	                                ? block->size / 2 + draw_below(source, (uint32_t)block->size + 100)
	                                : draw_size(source));
}

#endif

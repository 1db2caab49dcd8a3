/* sizeclass.h (level 1): size -> class -> slot size. Pure tables; sizes in bytes.
 *
 * Classes 1 … 8 are 16, 32, … 128; then there are STEPS classes per doubling up to SMALL_MAX, so
 * that the slack of a slot over 128 bytes is at most 1/STEPS of the request (docs/design.md has the
 * table). Class 0 is no class: its magazine is always empty and always full, so that a free of a
 * pointer without a class (a span, a large block, a foreign pointer, NULL) takes the slow path
 * without a test of its own.
 */
#ifndef SIZECLASS_H
#define SIZECLASS_H

#include "ground/base.h"

enum {
	LINEAR_CLASSES = 8,
	STEPS_LOG2 = 3,
	STEPS = 1 << STEPS_LOG2,
	SMALL_MAX = 32768,
	CLASSES = 1 + LINEAR_CLASSES + 8 * STEPS, /* 8 doublings lie between 128 and SMALL_MAX */
};
_Static_assert(LINEAR_CLASSES *QUANTUM << 8 == SMALL_MAX, "the last class is SMALL_MAX");
_Static_assert(CLASSES <= 256, "a class fits a byte of the pagemap");

extern const unsigned char class_of_quanta[SMALL_MAX / QUANTUM + 1];
extern const uint16_t class_sizes[CLASSES];

/* The class of a size of at most SMALL_MAX; malloc(0) gets the smallest. */
static inline unsigned class_of(size_t size) { return class_of_quanta[(size + QUANTUM - 1) / QUANTUM]; }

static inline size_t class_size(unsigned class) { return class_sizes[class]; }

/* The smallest class whose slots hold `size` bytes (not 0) at multiples of `align` (a power of two), or 0.
 * Sizes of slots are multiples of a power of two that only grows; so the smallest that holds a multiple
 * of `align` is one itself: for 100 bytes at multiples of 64 it is 128, for 600 it is 640. */
static inline unsigned class_of_aligned(size_t size, size_t align) {
	if (unlikely(size > SMALL_MAX || align > PAGE_SIZE))
		return 0;
	return class_of(align_up(size, align));
}

/* The pages that a slab of `class` gets when about `want` (1 … SLAB_MAX_PAGES) are wanted. Slots
 * over 512 bytes fill them without a rest; of others less than 1/8 of a page is left at the end. */
unsigned class_slab_pages(unsigned class, unsigned want);
enum { SLAB_MAX_PAGES = 16, SLAB_MAX_SLOTS = 1472 }; /* with so many slots its record is 256 bytes */

#endif

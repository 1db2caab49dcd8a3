/* sizeclass.c (level 1): the tables of sizeclass.h, computed by the compiler. */
#include "middle/sizeclass.h"

/* Class c > 8 is the (c-9)th past the linear ones: doubling (c-9)/8, step (c-9)%8. 9: 144, 16: 256,
 * 72: 32768. */
#define PAST(c) ((c) > LINEAR_CLASSES ? (c)-1 - LINEAR_CLASSES : 0)
#define SIZE(c)                                                                                              \
	((c) <= LINEAR_CLASSES ? (c)*QUANTUM                                                                 \
	                       : (STEPS + 1 + PAST(c) % STEPS) << (7 - STEPS_LOG2 + PAST(c) / STEPS))

#define EIGHT(m, c) m((c)) m((c) + 1) m((c) + 2) m((c) + 3) m((c) + 4) m((c) + 5) m((c) + 6) m((c) + 7)
#define EVERY(m)                                                                                             \
	EIGHT(m, 1)                                                                                          \
	EIGHT(m, 9) EIGHT(m, 17) EIGHT(m, 25) EIGHT(m, 33) EIGHT(m, 41) EIGHT(m, 49) EIGHT(m, 57) EIGHT(m, 65)
_Static_assert(CLASSES == 1 + 9 * 8, "EVERY names every class");

#define SIZE_ENTRY(c)  [c] = SIZE(c),
#define RANGE_ENTRY(c) [SIZE((c)-1) / QUANTUM + 1 ... SIZE(c) / QUANTUM] = (c),

const uint16_t class_sizes[CLASSES] = {EVERY(SIZE_ENTRY)};
const unsigned char class_of_quanta[SMALL_MAX / QUANTUM + 1] = {1, EVERY(RANGE_ENTRY)};

unsigned class_slab_pages(unsigned class, unsigned want) {
	size_t size = class_size(class);
	while (want * PAGE_SIZE / size > SLAB_MAX_SLOTS)
		want /= 2;
	if (size <= 512)
		return want;
	/* size = odd * 2^t; odd pages times max(1, 2^t / page) hold a whole number of slots. */
	unsigned twos = (unsigned)__builtin_ctzl(size);
	unsigned exact = (unsigned)(size >> twos) << (twos > PAGE_SHIFT ? twos - PAGE_SHIFT : 0);
	return want <= exact ? exact : want / exact * exact;
}

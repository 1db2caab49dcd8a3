/* bump.c: the simplest allocator. It hands out the next free address; free does nothing.
 *
 * 1. A region of zeroed memory comes from the kernel; `next` says how much of it is handed out.
 * 2. Take: round up, remember, add. When the region has no room, its rest is left and a larger one mapped.
 * 3. Put: nothing. What was handed out once is never handed out again, so calloc need not clear.
 *
 * A block is preceded by 8 bytes with its size, which only realloc and malloc_usable_size want.
 */
#include "engine.h"

#include "ground/os.h"

#define REGION_MIN ((size_t)1 << 20)
#define REGION_MAX ((size_t)1 << 28)
#define TOTAL_MAX  ((size_t)1 << 33)
_Static_assert(sizeof(size_t) < QUANTUM, "the size must fit before a block");

static char *next, *end; /* next is 8 bytes before a multiple of 16, or NULL */
static size_t total;     /* bytes mapped so far */

/* As large as all regions so far, so that there are few; less when that much is not to be had. */
static bool map_region(size_t needed) {
	size_t size = max_size(REGION_MIN, min_size(total, REGION_MAX));
	needed = align_up(needed, os_page_size());
	if (needed > TOTAL_MAX - total)
		return false;
	size = min_size(max_size(size, needed), TOTAL_MAX - total);
	char *region = os_map_aligned(size, os_page_size());
	while (!region && size > needed) {
		size = max_size(size / 2 & ~(os_page_size() - 1), needed);
		region = os_map_aligned(size, os_page_size());
	}
	if (!region)
		return false;
	total += size;
	next = region + QUANTUM - sizeof(size_t);
	end = region + size;
	return true;
}

/* How far the first aligned block lies from `next`. */
static size_t gap(size_t align) {
	uintptr_t first = (uintptr_t)next + sizeof(size_t);
	return align_up(first, align) - (uintptr_t)next;
}

void *engine_take(size_t size, size_t align) {
	size = align_up(size + sizeof size, QUANTUM) -
	       sizeof size; /* so that next stays where it has to be */
	if ((!next || gap(align) + size > (size_t)(end - next)) && !map_region(size + align + QUANTUM))
		return NULL;
	char *block = next + gap(align);
	((size_t *)(void *)block)[-1] = size;
	next = block + size;
	return block;
}

void engine_put(void *block) { (void)block; }

struct engine_block engine_at(const void *block) {
	size_t size = ((const size_t *)block)[-1];
	return (struct engine_block){.size = size, .given = size + sizeof size, .fresh = true};
}

/* engine.h: what a simple allocator implements to run behind libc's names (shim.c), and what it may lean on.
 *
 * E1. The shim calls an engine under its one lock: an engine has no thread in it.
 * E2. `size` is 1 … REQUEST_MAX bytes and `align` a power of two, QUANTUM … REQUEST_MAX; so sums of a few of
 *     them do not overflow. A block's address is a multiple of `align`.
 * E3. Only live blocks are put or asked about: misuse is not looked for here.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "ground/base.h"

#define REQUEST_MAX ((size_t)1 << 47) /* more than any process has addresses */

struct engine_block {
	size_t size;  /* bytes the user may use */
	size_t given; /* bytes it takes of the heap: header, rounding and alignment included */
	bool fresh;   /* when asked right after engine_take: it is known to read as zero */
};

void *engine_take(size_t size, size_t align); /* NULL: no memory */
void engine_put(void *block);
struct engine_block engine_at(const void *block);

#endif

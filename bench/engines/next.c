/* next.c: no allocator, a meter: passes every call on to the malloc that comes next in the search order, so
 * that the ledger of slack.c can be kept of any: LD_PRELOAD="libnext.so libOTHER.so" BENCH_SLACK=1 program;
 * alone, of glibc's.
 *
 * Of another allocator only what malloc_usable_size says is known. glibc's has a word of header before each
 * block, and it is counted; of the others none is.
 */
#include "engine.h"

#include <dlfcn.h>
#include <string.h>

extern void *__libc_malloc(size_t size); /* glibc's, whatever is preloaded */

static struct {
	void *(*malloc)(size_t size);
	void *(*memalign)(size_t align, size_t size);
	void (*free)(void *block);
	size_t (*usable_size)(void *block);
	size_t header;
} next;

/* `function` is the address of a pointer to a function, which ISO C does not let dlsym's result become. */
static void find(const char *name, void *function) {
	void *found = dlsym(RTLD_NEXT, name);
	memcpy(function, &found, sizeof found);
}

static void start(void) {
	find("memalign", &next.memalign);
	find("free", &next.free);
	find("malloc_usable_size", &next.usable_size);
	find("malloc", &next.malloc);
	next.header = next.malloc == __libc_malloc ? sizeof(size_t) : 0;
}

void *engine_take(size_t size, size_t align) {
	if (unlikely(!next.malloc))
		start();
	return align > QUANTUM ? next.memalign(align, size) : next.malloc(size);
}

void engine_put(void *block) { next.free(block); }

struct engine_block engine_at(const void *block) {
	size_t size = next.usable_size((void *)(uintptr_t)block);
	return (struct engine_block){.size = size, .given = size + next.header};
}

/* loading.c: for blocks that are asked for while the loader still relocates: another library's ifunc resolver
 * may do so before any constructor, and before thread-local variables have their first values. So this is an
 * ifunc's resolver too, the last step of our own relocation. What the thread's cache holds is lost when the
 * loader sets the variables afterwards: some slots at most. Only for the shared library: in a static program
 * resolvers run before there are thread-local variables at all. */
#include "front/cache.h"

static void loaded(void) {}

static void (*resolve_loaded(void))(void) {
	cache_begin_thread();
	return loaded;
}

void library_loaded(void) __attribute__((ifunc("resolve_loaded"), visibility("hidden")));

/* The resolver runs for the sake of this. */
static void (*const address)(void) __attribute__((used)) = library_loaded;

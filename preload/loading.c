/* loading.c: for blocks that are asked for while the loader still relocates. Another library's
 * ifunc resolver may call malloc before any constructor runs, and before thread-local variables
 * have their first values. So this is an ifunc's resolver too: the loader runs it as the last step
 * of our own relocation. When the loader sets the thread-local variables afterwards, the slots that
 * the thread's cache holds by then are lost. Only for the shared library: in a static program
 * resolvers run before there are thread-local variables at all. */
#include "front/cache.h"

static void loaded(void) {}

static void (*resolve_loaded(void))(void) {
	cache_begin_thread();
	return loaded;
}

void library_loaded(void) __attribute__((ifunc("resolve_loaded"), visibility("hidden")));

/* This reference makes the loader run the resolver. */
static void (*const address)(void) __attribute__((used)) = library_loaded;

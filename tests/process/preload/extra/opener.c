/* opener.c: a library that opens others by name. With AT_START it opens one before any other library's constructor, and
 * aborts unless that has the program's malloc. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

void *open_by_name(const char *name, int mode) {
	void *volatile library =
	        dlopen(name, mode); /* not the last call: the jump would come from elsewhere */
	return library;
}

#ifdef AT_START
__attribute__((constructor)) static void open_at_start(void) {
	void *plugin = open_by_name("plugin.so", RTLD_NOW | RTLD_DEEPBIND);
	void *(*whose)(void) = plugin ? (void *(*)(void))dlsym(plugin, "whose_malloc") : NULL;
	if (!whose || whose() != dlsym(RTLD_DEFAULT, "malloc"))
		abort();
}
#endif

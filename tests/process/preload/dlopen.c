/* dlopen.c: libraries that are opened at run time, above all with RTLD_DEEPBIND.
 * usage: dlopen FOLDER ours|other (whose malloc a library has that is opened with that flag); dlopen.t builds FOLDER. */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "common.h"

static const char *folder;

static void *find(void *library, const char *name) {
	void *found = library ? dlsym(library, name) : NULL;
	if (!found)
		give_up(dlerror());
	return found;
}

static const char *path_of(const char *name) {
	static char path[4096];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static int has_our_malloc(void *plugin) {
	void *(*whose)(void) = (void *(*)(void))find(plugin, "whose_malloc");
	return whose() == dlsym(RTLD_DEFAULT, "malloc");
}

/* The program frees what the plugin made, and the plugin what the program made. */
static int exchanges_blocks(void *plugin) {
	char *(*exchange)(char *) = (char *(*)(char *))find(plugin, "exchange");
	int good = 1;
	for (size_t size = 1; size <= 4 * MB; size = size * 3 + 1) {
		char *made = malloc(size);
		memset(made, 'p', size);
		char *other = exchange(made);
		good &= strcmp(other, "from the plugin") == 0;
		free(other);
	}
	return good;
}

static void test_deepbind(int ours) {
	void *plugin = dlopen(path_of("plugins/plugin.so"), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
	ok(plugin && has_our_malloc(plugin) == ours, "opened with RTLD_DEEPBIND it has %s",
	   ours ? "the program's malloc" : "the C library's malloc");
	if (ours)
		ok(exchanges_blocks(plugin), "each frees what the other made");
	dlclose(plugin);
}

/* The C library of a new namespace is another one, with its own malloc. */
static void test_namespaces(int ours) {
	void *base = dlmopen(LM_ID_BASE, path_of("plugins/plugin.so"), RTLD_NOW | RTLD_DEEPBIND);
	ok(base && has_our_malloc(base) == ours, "dlmopen into the program's namespace is the same");
	dlclose(base);
	void *apart = dlmopen(LM_ID_NEWLM, path_of("plugins/plugin.so"), RTLD_NOW | RTLD_DEEPBIND);
	if (!apart) {
		skip("a namespace of its own", dlerror());
		return;
	}
	int (*use)(void) = (int (*)(void))find(apart, "use_heap");
	ok(!has_our_malloc(apart) && use(), "in a namespace of its own it uses that one's malloc");
	free(malloc(1000));
	dlclose(apart);
}

/* The plugin is found by the RUNPATH of the library that asks, which is $ORIGIN/plugins; not by that of the program. */
static void test_runpath(const char *name) {
	void *library = dlopen(path_of(name), RTLD_NOW | RTLD_LOCAL);
	void *(*open_by)(const char *, int) = (void *(*)(const char *, int))find(library, "open_by_name");
	void *plugin = open_by("plugin.so", RTLD_NOW | RTLD_DEEPBIND);
	ok(plugin != NULL, "%s finds the plugin by its RUNPATH", name);
	ok(dlopen("plugin.so", RTLD_NOW | RTLD_NOLOAD) == plugin, "which is open then, by its name");
	dlclose(plugin);
	dlclose(plugin);
	ok(dlopen("plugin.so", RTLD_NOW) == NULL && strstr(dlerror(), "plugin.so"),
	   "the program does not find it, and is told so");
	dlclose(library);
}

int main(int argc, char **argv) {
	if (argc < 3)
		give_up("usage: dlopen FOLDER ours|other");
	folder = argv[1];
	int ours = !strcmp(argv[2], "ours");
	void *self = dlopen(NULL, RTLD_NOW | RTLD_DEEPBIND);
	ok(self && dlsym(self, "malloc") == dlsym(RTLD_DEFAULT, "malloc"), "the program itself");
	test_runpath("opener-O0.so");
	test_runpath("opener-O2.so");
	test_deepbind(ours);
	test_namespaces(ours);
	return done();
}

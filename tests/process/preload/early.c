/* early.c: blocks made before main, in preinit_array and in constructors of every priority, and in a library
 * opened later (argv[1], see extra/plugin.c). */
#include <dlfcn.h>
#include <malloc.h>

#include "common.h"

enum { STAGES = 4 };
static struct {
	const char *name;
	char *small, *large;
} stages[STAGES];

static void allocate(int stage, const char *name) {
	stages[stage].name = name;
	stages[stage].small = malloc(100);
	stages[stage].large = calloc(1, 2 * MB);
	if (all_zero(stages[stage].large, 2 * MB))
		fill(stages[stage].large, 0, 2 * MB, (uint64_t)stage);
	fill(stages[stage].small, 0, 100, (uint64_t)stage);
	free(malloc(50000));
}

static void in_preinit(void) { allocate(0, "preinit_array"); }
__attribute__((section(".preinit_array"), used)) static void (*preinit)(void) = in_preinit;
__attribute__((constructor(101))) static void first(void) { allocate(1, "constructor(101)"); }
__attribute__((constructor(65535))) static void later(void) { allocate(2, "constructor(65535)"); }
__attribute__((constructor)) static void last(void) { allocate(3, "constructor"); }

static void test_stages(void) {
	for (int i = 0; i < STAGES; i++) {
		ok(stages[i].small && intact(stages[i].small, 100, (uint64_t)i) &&
		           intact(stages[i].large, 2 * MB, (uint64_t)i),
		   "blocks made in %s are intact in main", stages[i].name);
		stages[i].small = realloc(stages[i].small, 5000);
		ok(intact(stages[i].small, 100, (uint64_t)i), "and can be resized");
		free(stages[i].small);
		free(stages[i].large);
	}
}

static int (*plugin_check)(void);

static void *use_plugin(void *result) {
	*(int *)result = plugin_check();
	return NULL;
}

static void test_plugin(const char *path) {
	for (int round = 1; round <= 3; round++) {
		void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		if (!ok(plugin != NULL, "dlopen of a library whose constructor allocates, round %d", round))
			return;
		*(void **)&plugin_check = dlsym(plugin, "plugin_check");
		ok(plugin_check(), "its block is intact");
		int good[8] = {0}, all = 1;
		pthread_t threads[8];
		for (int i = 0; i < 8; i++)
			threads[i] = start(use_plugin, &good[i]);
		for (int i = 0; i < 8; i++) {
			pthread_join(threads[i], NULL);
			all &= good[i];
		}
		ok(all, "its 100 KB of thread-local storage serve 8 threads");
		ok(dlclose(plugin) == 0, "dlclose");
	}
}

int main(int argc, char **argv) {
	test_stages();
	if (argc > 1)
		test_plugin(argv[1]);
	return done();
}

/* plugin.c: a library that allocates in its constructor and frees in its destructor.
 * Its thread-local array is too large for static TLS: the dynamic loader itself allocates it, on first use.
 */
#include <stdlib.h>
#include <string.h>

static char *block;
static __thread char storage[100000];

__attribute__((constructor)) static void open_plugin(void) {
	block = malloc(30000);
	memset(block, 'p', 30000);
}

__attribute__((destructor)) static void close_plugin(void) { free(block); }

int plugin_check(void) {
	for (size_t i = 0; i < sizeof storage; i++)
		if (storage[i])
			return 0;
	memset(storage, 1, sizeof storage);
	int good = block[0] == 'p' && memcmp(block, block + 1, 29999) == 0;
	memset(storage, 0, sizeof storage);
	return good;
}

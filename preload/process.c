/* process.c: the library's own start and end, and fork. Threads need nothing: see cache.h, T4. */
#include "../src/account.h"
#include "../src/cache.h"
#include "../src/chunk.h"
#include "../src/config.h"
#include "../src/heap.h"
#include "../src/large.h"
#include "../src/meta.h"

#include <pthread.h>
#include <stdlib.h>

/* Locks in rising rank: no thread is then in the middle of anything that the child would miss. */
static void before_fork(void) {
	lock_take_for_fork(&cache_lock);
	heap_lock_all();
	lock_take_for_fork(&chunk_lock);
	lock_take_for_fork(&large_lock);
	lock_take_for_fork(&meta_lock);
	lock_own_for_fork();
}

static void after_fork(void) {
	lock_disown_after_fork();
	lock_release_after_fork(&meta_lock);
	lock_release_after_fork(&large_lock);
	lock_release_after_fork(&chunk_lock);
	heap_unlock_all();
	lock_release_after_fork(&cache_lock);
}

static void after_fork_in_child(void) {
	after_fork();
	cache_after_fork();
}

/* secure_getenv: in a set-user-ID program the environment is somebody else's. */
__attribute__((constructor)) static void start(void) {
	config_read(secure_getenv("BUDDYMALLOC_CONF"));
	if (config.stats)
		cache_bypass();
	pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

__attribute__((destructor)) static void end(void) {
	if (config.stats)
		account_print();
}

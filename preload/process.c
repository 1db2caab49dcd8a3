/* process.c: the library's own start and end, and fork. Threads need nothing: see cache.h, T4. */
#include "process.h"

#include "back/chunk.h"
#include "back/large.h"
#include "front/cache.h"
#include "ground/config.h"
#include "ground/metadata.h"
#include "ground/os.h"
#include "guard/guard.h"
#include "guard/watch.h"
#include "middle/central.h"
#include "observe/account.h"
#include "policy/reclaim.h"

#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>

const char process_linked = 1;

/* glibc's lock of the list of streams, which its fork takes after our handlers. A thread that
 * flushes all streams holds it and may allocate, so it is taken before ours. Its owner may take it
 * twice. */
extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

static bool alone; /* the process that forks has one thread */

/* Takes all locks in rising rank, so that no other thread is in the middle of a change that the
 * child would see half done. A single thread takes none: a signal handler may fork in the middle of
 * a call that holds one. */
static void before_fork(void) {
	alone = os_is_single_threaded();
	if (!alone) {
		if (_IO_list_lock)
			_IO_list_lock();
		lock_take_for_fork(&guard_lock);
		lock_take_for_fork(&cache_lock);
		central_lock_all();
		lock_take_for_fork(&chunk_lock);
		lock_take_for_fork(&pool_lock);
		lock_take_for_fork(&metadata_lock);
	}
	lock_own_for_fork();
}

static void after_fork(void) {
	lock_disown_after_fork();
	if (alone)
		return;
	lock_release_after_fork(&metadata_lock);
	lock_release_after_fork(&pool_lock);
	lock_release_after_fork(&chunk_lock);
	central_unlock_all();
	lock_release_after_fork(&cache_lock);
	lock_release_after_fork(&guard_lock);
}

static void after_fork_in_parent(void) {
	after_fork();
	if (!alone && _IO_list_unlock)
		_IO_list_unlock();
}

static void after_fork_in_child(void) {
	watch_after_fork();
	after_fork();
	if (!alone)
		cache_after_fork();
	reclaim_after_fork();
	if (!alone && _IO_list_resetlock)
		_IO_list_resetlock();
	account_after_fork();
}

static const char *find_variable(char **environment, const char *name) {
	size_t length = strlen(name);
	for (; *environment; environment++)
		if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
			return *environment + length + 1;
	return NULL;
}

/* The library is linked with -z initfirst, so that this runs before any other library's
 * constructor. Our fork handler is then registered first and runs last: it takes our locks after
 * other libraries have taken theirs, which threads may hold while they allocate. libc's environ is
 * not set up by then, hence the arguments. In a set-user-ID program the environment is the caller's
 * and is ignored. */
__attribute__((constructor)) static void start(int argc, char **argv, char **environment) {
	(void)argc, (void)argv;
	if (!getauxval(AT_SECURE))
		config_read(find_variable(environment, "BUDDYMALLOC_CONF"));
	account_begin();
	if (guard_begin(ledger_used() != 0) || config.stats)
		cache_bypass();
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

__attribute__((destructor)) static void end(void) { account_end(); }

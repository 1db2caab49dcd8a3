/* shim.c: the names of the C library over one engine, and one lock around it. The meaning of each name is
 * that of preload/libc.c; what an engine adds is only where blocks come from.
 *
 * Fork: the lock is held across it, so the child finds the heap whole and the lock its own. Linked with -z
 * initfirst, our handlers are registered first: the lock is taken after every other library's prepare handler
 * and released before its parent or child handler, and those may allocate.
 */
#include "engine.h"

#include "../../preload/export.h"
#include "ground/os.h"
#include "slack.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 64 }; /* shrinking such a block by moving it would gain nothing */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *fail(int error) {
	errno = error;
	return NULL;
}

static struct engine_block locked_at(const void *block) {
	pthread_mutex_lock(&lock);
	struct engine_block found = engine_at(block);
	pthread_mutex_unlock(&lock);
	return found;
}

static void *take(size_t size, size_t align) {
	if (size > REQUEST_MAX || align > REQUEST_MAX)
		return fail(ENOMEM);
	pthread_mutex_lock(&lock);
	void *block = engine_take(max_size(size, 1), max_size(align, QUANTUM));
	if (unlikely(slack_counting) && block)
		slack_take(block, size, engine_at(block).given);
	pthread_mutex_unlock(&lock);
	return block ? block : fail(ENOMEM);
}

/* Notes that a block now serves a request of another size. */
static void *serve_again(void *block, size_t size) {
	if (unlikely(slack_counting)) {
		pthread_mutex_lock(&lock);
		slack_put(block);
		slack_take(block, size, engine_at(block).given);
		pthread_mutex_unlock(&lock);
	}
	return block;
}

EXPORT void *malloc(size_t size) { return take(size, QUANTUM); }

EXPORT void free(void *block) {
	if (!block)
		return;
	pthread_mutex_lock(&lock);
	if (unlikely(slack_counting))
		slack_put(block);
	engine_put(block);
	pthread_mutex_unlock(&lock);
}

EXPORT void *calloc(size_t n, size_t size) {
	size_t total;
	if (__builtin_mul_overflow(n, size, &total))
		return fail(ENOMEM);
	void *block = take(total, QUANTUM);
	return block && !locked_at(block).fresh ? memset(block, 0, total) : block;
}

EXPORT void *realloc(void *block, size_t size) {
	if (!block)
		return take(size, QUANTUM);
	if (!size) {
		free(block);
		return NULL;
	}
	size_t old = locked_at(block).size;
	if (size <= old && (size >= old / 2 || old <= SMALL))
		return serve_again(block, size);
	void *moved = take(size, QUANTUM);
	if (!moved)
		return size <= old ? serve_again(block, size) : NULL;
	memcpy(moved, block, min_size(old, size));
	free(block);
	return moved;
}

EXPORT void *reallocarray(void *block, size_t n, size_t size) {
	size_t total;
	return __builtin_mul_overflow(n, size, &total) ? fail(ENOMEM) : realloc(block, total);
}

EXPORT size_t malloc_usable_size(void *block) { return block ? locked_at(block).size : 0; }

EXPORT void *aligned_alloc(size_t align, size_t size) {
	return is_power_of_two(align) ? take(size, align) : fail(EINVAL);
}

EXPORT void *memalign(size_t align, size_t size) {
	return align <= SIZE_MAX / 2 + 1 ? take(size, (size_t)1 << ceil_log2(align)) : fail(EINVAL);
}

EXPORT int posix_memalign(void **block, size_t align, size_t size) {
	if (!is_power_of_two(align) || align % sizeof(void *) != 0)
		return EINVAL;
	int saved = errno;
	void *taken = take(size, align);
	errno = saved;
	if (!taken)
		return ENOMEM;
	*block = taken;
	return 0;
}

EXPORT void *valloc(size_t size) { return take(size, os_page_size()); }

EXPORT void *pvalloc(size_t size) {
	size_t page = os_page_size();
	return take(size > REQUEST_MAX ? size : align_up(max_size(size, 1), page), page);
}

static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork(void) { pthread_mutex_unlock(&lock); }

static void after_fork_in_child(void) {
	slack_counting = false; /* one line, by the program that was started */
	after_fork();
}

/* libc's environ is not set up when an initfirst library starts, hence the arguments. */
__attribute__((constructor)) static void start(int argc, char **argv, char **environment) {
	(void)argc, (void)argv;
	pthread_atfork(before_fork, after_fork, after_fork_in_child);
	for (; *environment; environment++)
		if (strcmp(*environment, "BENCH_SLACK=1") == 0)
			slack_start();
}

__attribute__((destructor)) static void end(void) {
	if (slack_counting)
		slack_print();
}

/* bypass.c: after cache_bypass every call of every thread takes its slow path, and works. */
#include "unit.h"

#include "wrong.h"

#include "front/cache.h"

#include <pthread.h>

enum { CLASS = 3, N = 500 };

static struct cache *nobodys; /* what a thread starts with */

/* NULL: the fast path served, or the slow one did not. */
static void *use(void *argument) {
	static _Thread_local void *slots[N];
	for (int i = 0; i < N; i++) {
		if (cache_take_fast(thread_cache, CLASS) || !(slots[i] = cache_take(CLASS)))
			return NULL;
		memset(slots[i], 1, class_size(CLASS));
	}
	for (int i = 0; i < N; i++) {
		if (cache_put_fast(thread_cache, CLASS, slots[i]))
			return NULL;
		cache_put(CLASS, slots[i]);
	}
	if (take_wrong().slot)
		return NULL;
	return thread_cache == nobodys ? argument : NULL;
}

TEST(every_call_takes_the_slow_path) {
	pthread_t thread;
	void *result;
	cache_bypass();
	nobodys = thread_cache;
	assert_ptr_equal(use(&nobodys), &nobodys);
	assert_int_equal(pthread_create(&thread, NULL, use, &nobodys), 0);
	pthread_join(thread, &result);
	assert_ptr_equal(result, &nobodys);
}

static void use_cache(void *unused) {
	(void)unused;
	cache_bypass();
	nobodys = thread_cache;
	if (!use(&nobodys))
		_exit(1);
	cache_flush_all();
	if (take_wrong().slot || cache_count(CLASS))
		_exit(1);
}

/* The thread that calls it may have a cache by then. */
TEST(a_cache_that_is_there_is_bypassed_too) {
	cache_put(CLASS, cache_take(CLASS));
	assert_true(exited_well(status_of(use_cache, NULL)));
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_cache_that_is_there_is_bypassed_too),
	        cmocka_unit_test(every_call_takes_the_slow_path),
	};
	return RUN(tests);
}

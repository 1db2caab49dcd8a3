/* thread_exit.c: malloc and free while a thread ends: key destructors, detached threads, cancellation. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdatomic.h>

#include "common.h"

static atomic_int ended, damaged;

/* Run in groups, so that few stacks are in use at a time. */
static void run_many(size_t n, void *(*body)(void *)) {
	for (size_t i = 0; i < n; i += 10)
		run_threads(10, body);
}

static pthread_key_t early_key, late_key;

static void give_back(void *block) {
	if (!intact(block, 3000, 1))
		atomic_fetch_add(&damaged, 1);
	free(block);
	atomic_fetch_add(&ended, 1);
}

/* Sets itself again for three rounds: allocates after other destructors, the library's included, have run. */
static void again(void *block) {
	size_t rounds = *(size_t *)block;
	char *other = malloc(rounds * 5000);
	memset(other, 1, rounds * 5000);
	free(block);
	free(other);
	if (rounds < 4) {
		size_t *next = calloc(100, sizeof *next);
		*next = rounds + 1;
		pthread_setspecific(late_key, next);
	} else
		atomic_fetch_add(&ended, 1);
}

static void *with_keys(void *unused) {
	char *block = malloc(3000);
	size_t *rounds = calloc(100, sizeof *rounds);
	fill(block, 0, 3000, 1);
	*rounds = 1;
	pthread_setspecific(early_key, block);
	pthread_setspecific(late_key, rounds);
	return unused;
}

/* A thread whose very first allocation is in its destructor. */
static void first_in_destructor(void *unused) {
	(void)unused;
	for (size_t size = 1; size < 100000; size *= 3) {
		char *block = malloc(size);
		fill(block, 0, size, size);
		if (!intact(block, size, size))
			atomic_fetch_add(&damaged, 1);
		free(block);
	}
	atomic_fetch_add(&ended, 1);
}

static pthread_key_t only_key;

static void *without_malloc(void *unused) {
	pthread_setspecific(only_key, &only_key);
	return unused;
}

static void test_keys(void) {
	pthread_key_create(&early_key, give_back);
	pthread_key_create(&late_key, again);
	pthread_key_create(&only_key, first_in_destructor);
	run_many(200, with_keys);
	ok(ended == 400 && damaged == 0, "key destructors free, allocate and set themselves again");
	size_t before = resident();
	run_many(2000, with_keys);
	size_t rise = grown(before, resident());
	ok(rise < 3 * MB, "2000 more such threads leave memory as it was (+%zu KB)", rise / KB);
	ended = 0;
	run_many(1000, without_malloc);
	ok(ended == 1000 && damaged == 0, "threads that allocate in their destructors only");
	ok(grown(before, resident()) < 4 * MB, "leave memory as it was");
}

static void *detached(void *unused) {
	void *blocks[50];
	for (size_t i = 0; i < COUNT(blocks); i++)
		blocks[i] = malloc(i * 50);
	for (size_t i = 0; i < COUNT(blocks); i++)
		free(blocks[i]);
	atomic_fetch_add(&ended, 1);
	return unused;
}

static void test_detached(void) {
	pthread_attr_t attributes;
	int churned = 0;
	ended = 0;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	for (int started = 0; started < 500; started++) {
		pthread_t thread;
		if (pthread_create(&thread, &attributes, detached, NULL))
			give_up("pthread_create failed");
		while (started - ended > 16)
			free(malloc((size_t)++churned % 3000));
	}
	for (int waited = 0; ended < 500 && waited < 10000; waited++)
		pause_ms(1);
	ok(ended == 500, "500 detached threads end while the program goes on");
}

static void put_away(void *block) { free(block); }

/* The only cancellation point; malloc and free are none. */
static void one_turn(size_t size) {
	void *block = malloc(size), *other = malloc(100);
	pthread_cleanup_push(put_away, block);
	free(other);
	pthread_testcancel();
	pthread_cleanup_pop(1);
}

static void *cancelled(void *unused) {
	for (size_t i = 0;; i++)
		one_turn(i % 5000);
	return unused;
}

static void *cancel_asleep(void *unused) {
	void *block = malloc(2000);
	pthread_cleanup_push(put_away, block);
	pause();
	pthread_cleanup_pop(0);
	return unused;
}

static int cancel_all(void *(*body)(void *)) {
	enum { N = 20 };
	pthread_t threads[N];
	int all = 1;
	for (size_t i = 0; i < N; i++)
		threads[i] = start(body, NULL);
	pause_ms(5);
	for (size_t i = 0; i < N; i++)
		pthread_cancel(threads[i]);
	for (size_t i = 0; i < N; i++) {
		void *result;
		pthread_join(threads[i], &result);
		all &= result == PTHREAD_CANCELED;
	}
	return all;
}

static void test_cancel(void) {
	int all = 1;
	for (int round = 0; round < 10; round++)
		all &= cancel_all(cancelled) && cancel_all(cancel_asleep);
	ok(all, "400 cancelled threads end, allocating or asleep");
	char *block = malloc(100000);
	fill(block, 0, 100000, 2);
	ok(intact(block, 100000, 2), "and the program allocates on");
	free(block);
}

int main(void) {
	test_keys();
	test_detached();
	test_cancel();
	return done();
}

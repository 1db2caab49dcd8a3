/* parked_limit.c: 400 threads that have each had and freed a block of 1000 KB sleep, under
 * RLIMIT_DATA of 700 MB. Prints the largest block in MB that can be had then, of 600 at most. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { THREADS = 400, SIZE = 1000 << 10, STACK = 64 << 10 };
enum { LIMIT_MB = 700, MOST_MB = 600, STEP_MB = 10 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int nparked;

static void *visit(void *unused) {
	pthread_mutex_lock(&mutex);
	char *block = malloc(SIZE);
	if (!block)
		exit(1);
	memset(block, 1, SIZE);
	free(block);
	nparked++;
	pthread_cond_broadcast(&changed);
	for (;;)
		pthread_cond_wait(&changed, &mutex);
	return unused;
}

int main(void) {
	struct rlimit limit = {(rlim_t)LIMIT_MB << 20, (rlim_t)LIMIT_MB << 20};
	pthread_attr_t small;
	pthread_attr_init(&small);
	if (setrlimit(RLIMIT_DATA, &limit) || pthread_attr_setstacksize(&small, STACK))
		return 1;
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;
		if (pthread_create(&thread, &small, visit, NULL))
			return 1;
		while (nparked <= i)
			pthread_cond_wait(&changed, &mutex);
	}
	size_t mb = MOST_MB;
	void *block = NULL;
	while (mb && !(block = malloc(mb << 20)))
		mb -= STEP_MB;
	free(block);
	printf("%zu\n", mb);
	fflush(stdout);
	_Exit(0); /* the others sleep */
}

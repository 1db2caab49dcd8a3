/* thread_keys.c: prints how many pthread keys a program can have; thread_keys.t compares. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void *use(void *unused) {
	free(malloc(100));
	return unused;
}

int main(void) {
	pthread_t thread;
	pthread_key_t key;
	int n = 0;
	/* a library may take its key at the first malloc of the process or of a thread */
	use(NULL);
	if (pthread_create(&thread, NULL, use, NULL) || pthread_join(thread, NULL))
		return 1;
	while (pthread_key_create(&key, NULL) == 0)
		n++;
	printf("%d\n", n);
	return 0;
}

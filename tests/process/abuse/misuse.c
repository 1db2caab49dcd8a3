/* misuse.c: makes one mistake, named by its arguments; abuse.t knows what the library must say of it.
 *
 *     misuse wrong|right CALL PLACE [SIZE [OFFSET]]
 *
 * CALL is handed a pointer of the kind PLACE. It is printed first, with the usable size of the block it
 * concerns and its distance from the block's start. With "right" the same steps are taken with a live block's
 * own pointer. The call need not stop the program at once: 100,000 other blocks of the size are freed after
 * it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t size = 100, offset;
static volatile size_t sink; /* keeps results, and so the calls, alive */

/* CALL: everything goes through a pointer, so that the compiler does not see the mistake */
static void call_free(void *block) { free(block); }
static void call_realloc(void *block) { sink = (size_t)realloc(block, size + 500); }
static void call_reallocarray(void *block) { sink = (size_t)reallocarray(block, size + 500, 2); }
static void call_usable_size(void *block) { sink = malloc_usable_size(block); }

static void *function(const char *name) {
	void *found = dlsym(RTLD_DEFAULT, name);
	if (!found) {
		printf("no %s\n", name);
		exit(77);
	}
	return found;
}

static void call_cfree(void *block) { ((void (*)(void *))function("cfree"))(block); }
static void call_delete(void *block) { ((void (*)(void *))function("_ZdlPv"))(block); }
static void call_delete_array(void *block) { ((void (*)(void *))function("_ZdaPv"))(block); }
static void call_delete_sized(void *block) { ((void (*)(void *, size_t))function("_ZdlPvm"))(block, size); }
static void call_free_sized(void *block) { ((void (*)(void *, size_t))function("free_sized"))(block, size); }
static void call_free_aligned_sized(void *block) {
	((void (*)(void *, size_t, size_t))function("free_aligned_sized"))(block, 16, size);
}

static const struct call {
	const char *name;
	void (*run)(void *block);
} calls[] = {
        {"free", call_free},
        {"realloc", call_realloc},
        {"malloc_usable_size", call_usable_size},
        {"reallocarray", call_reallocarray},
        {"cfree", call_cfree},
        {"delete", call_delete},
        {"delete[]", call_delete_array},
        {"delete-sized", call_delete_sized},
        {"free_sized", call_free_sized},
        {"free_aligned_sized", call_free_aligned_sized},
        {NULL, NULL},
};

static const struct call *call;

/* The other blocks of the size: half made before the one in question, half after. */
static char *others[100000];

static size_t count(void) { return size <= 1024 ? 100000 : size <= 32768 ? 4000 : 4; }

static void allocate_others(size_t from, size_t to) {
	for (size_t i = from; i < to; i++)
		others[i] = malloc(size);
}

static void free_others(void) {
	for (size_t i = 0; i < count(); i++)
		free(others[i]);
	malloc_trim(0);
}

static void tell(const void *pointer, size_t usable, size_t distance) {
	printf("%p %zu %zu\n", pointer, usable, distance);
	fflush(stdout);
}

/* PLACE, foreign: none of these was ever handed out by malloc */
static char *foreign(const char *place) {
	static char in_data[64] __attribute__((aligned(16)));
	if (!strcmp(place, "static"))
		return in_data;
	if (!strcmp(place, "literal"))
		return (char *)(size_t) "a string literal";
	if (!strcmp(place, "code"))
		return (char *)(size_t)foreign;
	if (!strcmp(place, "mmap"))
		return mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!strcmp(place, "tiny"))
		return (char *)16;
	if (!strcmp(place, "one"))
		return (char *)1;
	if (!strcmp(place, "noncanonical"))
		return (char *)0xdeadbeef00000010;
	if (!strcmp(place, "top"))
		return (char *)-16;
	return NULL;
}

static void on_foreign(char *pointer, int right) {
	char *block = malloc(size);
	tell(right ? block : pointer, malloc_usable_size(block), 0);
	call->run(right ? block : pointer);
}

static void on_interior(char *block, int right) {
	size_t distance = right ? 0 : offset;
	tell(block + distance, malloc_usable_size(block), distance);
	call->run(block + distance);
}

/* where no slot fits any more: the last 16 bytes of a slab of one page, as the first of a size are */
static void on_tail(char *block, int right) {
	char *tail = (char *)((size_t)others[0] | 4095) - 15;
	tell(right ? block : tail, malloc_usable_size(block), 0);
	call->run(right ? block : tail);
}

/* the second free follows the first at once */
static void on_freed(char *block, int right) {
	tell(block, malloc_usable_size(block), 0);
	if (!right)
		free(block);
	call->run(block);
}

/* another block is freed between the two */
static void on_freed_before(char *block, int right) {
	char *between = malloc(size);
	tell(block, malloc_usable_size(block), 0);
	if (!right)
		free(block);
	free(between);
	call->run(block);
}

static void *free_it(void *block) {
	free(block);
	return NULL;
}

/* another thread has freed it, and ended */
static void on_freed_by_thread(char *block, int right) {
	pthread_t thread;
	tell(block, malloc_usable_size(block), 0);
	if (pthread_create(&thread, NULL, free_it, right ? NULL : block))
		exit(2);
	pthread_join(thread, NULL);
	call->run(block);
}

static pthread_barrier_t freed, again;

static void *free_and_wait(void *block) {
	free(block);
	pthread_barrier_wait(&freed);
	pthread_barrier_wait(&again);
	return NULL;
}

/* another thread has freed it, and lives on until it is freed again */
static void on_freed_beside(char *block, int right) {
	pthread_t thread;
	tell(block, malloc_usable_size(block), 0);
	pthread_barrier_init(&freed, NULL, 2);
	pthread_barrier_init(&again, NULL, 2);
	if (pthread_create(&thread, NULL, free_and_wait, right ? NULL : block))
		exit(2);
	pthread_barrier_wait(&freed);
	call->run(block);
	pthread_barrier_wait(&again);
	pthread_join(thread, NULL);
}

/* freed before fork, and again in the child, whose end becomes the program's */
static void on_freed_before_fork(char *block, int right) {
	int status;
	tell(block, malloc_usable_size(block), 0);
	if (!right)
		free(block);
	pid_t child = fork();
	if (child == 0) {
		call->run(block);
		free_others();
		_exit(0);
	}
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
}

/* freed with the size of another block */
static void with_size(char *block, size_t wrong_size, int right) {
	size_t true_size = size;
	tell(block, malloc_usable_size(block), wrong_size);
	size = right ? size : wrong_size;
	call->run(block);
	size = true_size;
}

static void on_larger_size(char *block, int right) { with_size(block, 4 * size, right); }
static void on_small_size(char *block, int right) { with_size(block, 48, right); }

static const struct place {
	const char *name;
	void (*run)(char *block, int right);
} places[] = {
        {"interior", on_interior},
        {"tail", on_tail},
        {"freed", on_freed},
        {"freed-before", on_freed_before},
        {"freed-by-thread", on_freed_by_thread},
        {"freed-beside", on_freed_beside},
        {"freed-before-fork", on_freed_before_fork},
        {"larger-size", on_larger_size},
        {"small-size", on_small_size},
        {NULL, NULL},
};

static void on_stack(int right) {
	char local[64] __attribute__((aligned(16)));
	memset(local, 0, sizeof local);
	on_foreign(local, right);
	sink = (size_t)local[0];
}

static int run(const char *name, int right) {
	const struct place *place = places;
	allocate_others(0, count() / 2);
	char *block = malloc(size);
	allocate_others(count() / 2, count());
	while (place->name && strcmp(place->name, name))
		place++;
	if (place->name)
		place->run(block, right);
	else if (!strcmp(name, "stack"))
		on_stack(right);
	else if (foreign(name))
		on_foreign(foreign(name), right);
	else
		return 0;
	free_others();
	return 1;
}

int main(int argc, char **argv) {
	struct rlimit no_core = {0, 0};
	setrlimit(RLIMIT_CORE, &no_core);
	if (argc < 4)
		return 2;
	if (argc > 4)
		size = strtoul(argv[4], NULL, 0);
	if (argc > 5)
		offset = strtoul(argv[5], NULL, 0);
	for (call = calls; call->name && strcmp(call->name, argv[2]);)
		call++;
	if (!call->name || !run(argv[3], !strcmp(argv[1], "right")))
		return 2;
	puts("survived");
	return 0;
}

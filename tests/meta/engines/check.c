/* check.c: what every simple allocator must do, run with one preloaded: random work with contents checked,
 * alignment, errors, threads, fork, the end of memory. The argument is the engine's name: what a bump
 * allocator, which frees nothing, and a buddy system, which must merge back to whole chunks, are held to
 * differs. */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>

#include "process/preload/common.h"

enum { SLOTS = 512, STEPS = 30000, THREADS = 4 };

struct slot {
	char *bytes;
	size_t size; /* all of it usable, and filled */
	uint64_t tag;
};

static const char *engine = "";

static int named(const char *name) { return strcmp(engine, name) == 0; }

static size_t random_size(uint64_t *state) {
	uint64_t kind = next_random(state) % 1000;
	size_t most = kind < 900 ? 600 : kind < 990 ? 20 * KB : kind < 998 ? 300 * KB : 3 * MB;
	return (size_t)(next_random(state) % most);
}

/* Fills a new block to the end of what it says can be used; so blocks that overlap spoil each other. */
static int keep(struct slot *slot, char *bytes, size_t asked, uint64_t tag) {
	*slot = (struct slot){bytes, malloc_usable_size(bytes), tag};
	if (!bytes || (uintptr_t)bytes % 16 || slot->size < asked)
		return 0;
	fill(bytes, 0, slot->size, tag);
	return 1;
}

static int take_one(struct slot *slot, uint64_t *state) {
	size_t size = random_size(state), align = (size_t)16 << next_random(state) % 10;
	uint64_t tag = next_random(state);
	void *block = NULL;
	switch (next_random(state) % 8) {
	case 0:
		block = calloc(size / 8 + 1, 8);
		return all_zero(block, size) && keep(slot, block, size, tag);
	case 1:
		return posix_memalign(&block, align, size) == 0 && (uintptr_t)block % align == 0 &&
		       keep(slot, block, size, tag);
	default:
		return keep(slot, malloc(size), size, tag);
	}
}

static int resize_one(struct slot *slot, uint64_t *state) {
	size_t size = random_size(state) + 1, kept = size < slot->size ? size : slot->size;
	char *bytes = realloc(slot->bytes, size);
	return bytes && intact(bytes, kept, slot->tag) && keep(slot, bytes, size, next_random(state));
}

static int put_one(struct slot *slot) {
	int good = intact(slot->bytes, slot->size, slot->tag);
	free(slot->bytes);
	slot->bytes = NULL;
	return good;
}

static int work(uint64_t seed, int steps) {
	struct slot slots[SLOTS] = {{0}};
	uint64_t state = seed;
	int good = 1;
	for (int i = 0; i < steps && good; i++) {
		struct slot *slot = &slots[next_random(&state) % SLOTS];
		if (!slot->bytes)
			good = take_one(slot, &state);
		else if (next_random(&state) % 4 == 0)
			good = resize_one(slot, &state);
		else
			good = put_one(slot);
	}
	for (size_t i = 0; i < SLOTS; i++)
		good &= !slots[i].bytes || put_one(&slots[i]);
	return good;
}

static void test_random(void) {
	for (uint64_t seed = 1; seed <= 3; seed++)
		ok(work(seed, STEPS), "%d random steps from seed %d, contents intact", STEPS, (int)seed);
}

static int aligned(size_t align, size_t size) {
	void *blocks[3] = {NULL, memalign(align, size), aligned_alloc(align, size)};
	int good = posix_memalign(&blocks[0], align, size) == 0;
	for (size_t i = 0; i < COUNT(blocks) && good; i++) {
		size_t usable = malloc_usable_size(blocks[i]);
		good = blocks[i] && (uintptr_t)blocks[i] % align == 0 && usable >= size;
		fill(blocks[i], 0, size, i);
	}
	for (size_t i = 0; i < COUNT(blocks); i++) {
		good &= intact(blocks[i], size, i);
		free(blocks[i]);
	}
	return good;
}

/* Kept all at once, so that one that reaches beyond its place spoils another, or what lies behind the heap.
 */
static int many_aligned(void) {
	char *blocks[SLOTS];
	int good = 1;
	for (size_t i = 0; i < SLOTS; i++) {
		blocks[i] = memalign(4 * KB, 3500 + i);
		fill(blocks[i], 0, 3500 + i, i);
	}
	for (size_t i = 0; i < SLOTS; i++) {
		good &= intact(blocks[i], 3500 + i, i);
		free(blocks[i]);
	}
	return good;
}

static void test_alignment(void) {
	static const size_t sizes[] = {1, 24, 100, 5000, 3 * MB};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		int good = 1;
		for (size_t align = 16; align <= 4 * MB; align *= 2)
			good &= aligned(align, sizes[i]);
		ok(good, "%zu bytes at every alignment to 4 MB", sizes[i]);
	}
	ok(many_aligned(), "%d blocks aligned to 4 KB", SLOTS);
	size_t page = (size_t)getpagesize();
	void *one = valloc(10), *two = pvalloc(10);
	ok((uintptr_t)one % page == 0 && (uintptr_t)two % page == 0 && malloc_usable_size(two) >= page,
	   "valloc, pvalloc");
	free(one);
	free(two);
	one = memalign(64 * KB, 100);
	ok(strncmp(engine, "firstfit", 8) || malloc_usable_size(one) < 150,
	   "first fit: alignment costs no slack");
	free(one);
}

static void test_errors(void) {
	volatile size_t huge = SIZE_MAX; /* volatile: the compiler knows that it cannot work */
	void *before = malloc(1), *block = before;
	errno = 0;
	ok(!malloc(huge) && errno == ENOMEM, "malloc of SIZE_MAX: ENOMEM");
	errno = 0;
	ok(!malloc(huge / 2 - 100) && errno == ENOMEM, "malloc of nearly PTRDIFF_MAX: ENOMEM");
	errno = 0;
	ok(!calloc(huge / 4, 8) && errno == ENOMEM, "calloc that overflows: ENOMEM");
	errno = 77;
	ok(posix_memalign(&block, 24, 8) == EINVAL && posix_memalign(&block, 4, 8) == EINVAL &&
	           posix_memalign(&block, 16, huge) == ENOMEM && block == before && errno == 77,
	   "posix_memalign: EINVAL, ENOMEM, and nothing else changed");
	errno = 0;
	volatile size_t bad_align = 24;
	ok(!aligned_alloc(bad_align, 48) && errno == EINVAL, "aligned_alloc: EINVAL");
	errno = 0;
	ok(!pvalloc(huge) && errno == ENOMEM, "pvalloc of SIZE_MAX: ENOMEM");
	free(before);

	char *volatile kept = malloc(100); /* volatile: a realloc that fails leaves it valid */
	fill(kept, 0, 100, 1);
	errno = 0;
	ok(!reallocarray(kept, huge / 4, 8) && errno == ENOMEM && intact(kept, 100, 1),
	   "reallocarray that overflows: ENOMEM, the block as it was");
	errno = 0;
	ok(!realloc(kept, huge / 2) && errno == ENOMEM && intact(kept, 100, 1),
	   "realloc that fails: ENOMEM, the block as it was");
	char *large = malloc(8 * MB);
	errno = 77;
	free(kept);
	free(large);
	free(NULL);
	ok(errno == 77, "free keeps errno");

	char *none = malloc(0), *other = malloc(0);
	ok(none && other && none != other, "malloc(0): blocks of their own");
	free(none);
	ok(realloc(other, 0) == NULL, "realloc to 0 frees");
	ok(malloc_usable_size(NULL) == 0, "malloc_usable_size of NULL");
}

/* ---- threads and fork ---- */

static atomic_int damaged, forking;
static void *_Atomic shelf[64];

static void *thread(void *number) {
	uint64_t state = (size_t)number + 100;
	if (!work(state, STEPS / THREADS))
		atomic_fetch_add(&damaged, 1);
	for (int i = 0; i < STEPS; i++) { /* freed by whoever finds it */
		size_t *block = malloc(sizeof *block + next_random(&state) % 200);
		*block = (uintptr_t)block ^ 12345;
		size_t *found = atomic_exchange(&shelf[next_random(&state) % COUNT(shelf)], block);
		if (found && *found != ((uintptr_t)found ^ 12345))
			atomic_fetch_add(&damaged, 1);
		free(found);
	}
	return NULL;
}

static void *churn(void *unused) {
	while (atomic_load(&forking))
		free(malloc(100));
	return unused;
}

static int child_works(void) { return work(9, 300); }

static void test_threads(void) {
	run_threads(THREADS, thread);
	ok(damaged == 0, "%d threads at work and freeing each other's blocks", THREADS);
	int good = 1;
	forking = 1;
	pthread_t one = start(churn, NULL), two = start(churn, NULL);
	for (int i = 0; i < 20; i++)
		good &= in_child(child_works);
	forking = 0;
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	ok(good, "a child forked among allocating threads can allocate");
}

/* ---- memory that comes back, or does not ---- */

static size_t mapped(void) { return proc_bytes("/proc/self/status", "\nVmSize:"); }

enum { MANY = 100000 };
static void *many[MANY];

/* Small blocks, freed in an order that has nothing to do with their addresses; the most that was mapped. */
static size_t phase(size_t n) {
	uint64_t state = 4;
	for (size_t i = 0; i < n; i++)
		many[i] = malloc(next_random(&state) % 600);
	size_t most = mapped();
	for (size_t i = n - 1; i > 0; i--) {
		size_t k = next_random(&state) % (i + 1);
		void *block = many[k];
		many[k] = many[i];
		many[i] = block;
	}
	for (size_t i = 0; i < n; i++)
		free(many[i]);
	return most;
}

enum order { RISING, FALLING, ODD_FIRST };

/* 500 KB of small blocks, freed in this order. */
static void few(enum order order) {
	enum { N = 1000 };
	for (size_t i = 0; i < N; i++)
		many[i] = malloc(500);
	for (size_t i = 0; i < N; i++) {
		size_t odd = i < N / 2 ? 2 * i + 1 : 2 * (i - N / 2);
		free(many[order == RISING ? i : order == FALLING ? N - 1 - i : odd]);
	}
}

/* Must come first: the heap is then one region or chunk of a megabyte or two. */
static void test_neighbours(void) {
	static const char *const names[] = {"rising", "falling", "odd first"};
	for (enum order order = RISING; order <= ODD_FIRST; order++) {
		few(order);
		size_t before = mapped();
		void *block = malloc(700 * KB);
		size_t more = grown(before, mapped());
		ok(named("bump") || !more, "blocks freed in order (%s) merge into one of 700 KB",
		   names[order]);
		free(block);
	}
}

static void test_reuse(void) {
	static const char *const name = "what is freed serves again";
	if (named("bump")) {
		skip(name, "bump frees nothing");
		return;
	}
	size_t n = named("firstfit") ? MANY / 20 : MANY; /* a sorted list takes time with the square of n */
	size_t first = phase(n), last = 0;
	for (int i = 0; i < 4; i++)
		last = phase(n);
	ok(last <= first + 64 * KB, "%s: five rounds take %zu and %zu KB", name, first / KB, last / KB);
}

static void test_merging(void) {
	static const char *const name = "freed blocks merge back to whole chunks, which are unmapped";
	if (!named("buddy") && !named("fibonacci")) {
		skip(name, "no chunks");
		return;
	}
	size_t before = mapped();
	phase(MANY);
	ok(grown(before, mapped()) <= 3 * MB, "%s: %zu KB more than before", name,
	   grown(before, mapped()) / KB);
}

/* All that a process of limited addresses can get, then an error, then all of it again. */
static int exhaust(void) {
	struct rlimit limit = {mapped() + 40 * MB, RLIM_INFINITY};
	size_t counts[2];
	if (setrlimit(RLIMIT_AS, &limit))
		return 0;
	for (int round = 0; round < 2; round++) {
		void *list = NULL;
		errno = 0;
		counts[round] = 0;
		for (void **block; (block = malloc(50 * KB)); counts[round]++) {
			*block = list;
			list = block;
		}
		if (errno != ENOMEM)
			return 0;
		while (list) {
			void *next = *(void **)list;
			free(list);
			list = next;
		}
	}
	return counts[0] > 400 && (named("bump") || counts[1] > counts[0] - 5);
}

static void test_end(void) {
	ok(in_child(exhaust), "out of memory is NULL and ENOMEM; what was freed can be had again");
	if (!named("bump"))
		return;
	int n = 0;
	errno = 0;
	for (void *block; n < 9 && (block = malloc(1024 * MB)); n++)
		free(block);
	ok(n > 0 && n < 9 && errno == ENOMEM, "a bump allocator runs out although all was freed: after %d GB",
	   n);
}

int main(int argc, char **argv) {
	engine = argc > 1 ? argv[1] : "";
	test_neighbours();
	test_random();
	test_alignment();
	test_errors();
	test_threads();
	test_merging();
	test_reuse();
	test_end();
	return done();
}

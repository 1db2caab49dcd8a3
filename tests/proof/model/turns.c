/* turns.c: several threads that take turns: one runs at a time, and which one, for how long, and when it ends
 * is the input's choice as all else, so that a run is the same each time. Each has its cache; any may free
 * what another took; a cache whose thread has ended is another's later. Time passes when the input says so,
 * and each run begins with a fresh engine: a file replays alone.
 * The reference is that of blocks.h, and piles: hundreds of blocks of one size, each with a stamp at both
 * ends, which bring slots through refill, flush, depots and scavenges. */
enum { BLOCKS = 400 };

#include "choices.h"
#include "ended.h"
#include "fresh.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>

enum {
	THREADS = 4,
	BLOCKS_DRAWN = 128, /* of blocks: one byte of the input */
	PILES = 16,
	PILE = 600, /* blocks in a pile */
	LIVE_BYTES = 24 << 20,
	CHECK_EVERY = 32,
	QUIET_SECONDS = 24,
	LOOK_SIZE = 48,
	LOOK = 64, /* slow calls after which a thread looks what it could give back */
	FORKS = 8, /* in a run, of seeds and files: one costs as much as hundreds of other steps, and … */
};

#ifdef FUZZ
static const bool fuzzed = true; /* … a fuzzer does not see what the child reaches */
#else
static const bool fuzzed = false;
#endif

static struct pile {
	size_t size, n;
	uint64_t *at[PILE];
} piles[PILES];
static uint64_t stamps;

/* The caches that were met in this run: as many as there were threads at once, for one that ends leaves its
 * own. */
static struct cache *met[THREADS];
static unsigned most_alive;
static struct cache *none; /* that of a thread that has not allocated */

static struct thread {
	pthread_t id;
	int number; /* the kernel's */
	sem_t turn;
	bool alive, ends;
} threads[THREADS];
static sem_t table; /* nobody's turn: main gives the next */

static struct {
	struct source *source;
	size_t steps, nsteps, forks;
	unsigned next; /* whose turn it is, or will be */
	bool passed;   /* the turn is over */
	bool over;     /* so is the run: what is left is to be returned */
} game;

static uint64_t now; /* milliseconds */
uint64_t __wrap_os_milliseconds(void);
uint64_t __wrap_os_milliseconds(void) { return now; }
uint64_t __wrap_os_microseconds(void);
uint64_t __wrap_os_microseconds(void) { return now * 1000; }

/* ---- piles ---- */

static uint64_t *last_word(const struct pile *pile, uint64_t *at) { return at + pile->size / sizeof *at - 1; }

static void add_to(struct pile *pile, size_t n) {
	for (; n && pile->n < PILE && live_bytes < LIVE_BYTES; n--) {
		uint64_t *at = allocate(pile->size);
		EXPECT(at != NULL);
		EXPECT((uintptr_t)at % QUANTUM == 0);
		*at = *last_word(pile, at) = ++stamps << 20 | pile->size;
		pile->at[pile->n++] = at;
		live_bytes += pile->size;
	}
}

static void pile_up(struct source *source) {
	struct pile *pile = &piles[draw_below(source, PILES)];
	unsigned class = 1 + draw_below(source, CLASSES - 1);
	size_t n = 1 + draw_below(source, 256);
	if (!pile->n)
		pile->size = class_size(class);
	add_to(pile, n);
}

/* Takes one block off a pile, by one of four orders. */
static uint64_t *pick(struct pile *pile, unsigned order, size_t i) {
	size_t n = pile->n, from = order == 0 ? n - 1 : order == 1 ? 0 : order == 2 ? i % n : i * 31 % n;
	uint64_t *at = pile->at[from];
	pile->n--;
	memmove(pile->at + from, pile->at + from + 1, (pile->n - from) * sizeof *pile->at);
	return at;
}

static void drop(struct pile *pile, unsigned order, size_t i, bool sized) {
	uint64_t *at = pick(pile, order, i);
	EXPECT(*at == *last_word(pile, at) && (*at & 0xfffff) == pile->size);
	EXPECT(usable_size(at) == pile->size);
	*at = *last_word(pile, at) = 0;
	live_bytes -= pile->size;
	if (sized)
		release_sized_by(at, pile->size, BY_NEW);
	else
		release(at);
}

static void pile_down(struct source *source) {
	struct pile *pile = &piles[draw_below(source, PILES)];
	unsigned how = draw_below(source, 8);
	size_t n = 1 + draw_below(source, 256);
	for (size_t i = 0; i < n && pile->n; i++)
		drop(pile, how % 4, i, how / 4);
}

/* Gives a pile back and takes as many again, as programs do that work in phases. */
static void repeat_phases(struct source *source) {
	struct pile *pile = &piles[draw_below(source, PILES)];
	unsigned order = draw_below(source, 4);
	size_t n = pile->n;
	for (uint32_t phases = 1 + draw_below(source, 4); phases; phases--) {
		for (size_t i = 0; pile->n; i++)
			drop(pile, order, i, false);
		add_to(pile, n);
	}
}

static void return_all(void) {
	release_all();
	for (struct pile *pile = piles; pile < piles + PILES; pile++)
		while (pile->n)
			drop(pile, 0, 0, false);
}

/* ---- single blocks ---- */

static struct block *draw_block(struct source *source) { return &blocks[draw_below(source, BLOCKS_DRAWN)]; }

static void take_one(struct source *source) {
	struct block *block = draw_block(source);
	uint32_t kind = draw_below(source, 8);
	if (block->at)
		do_release(block, kind % 2);
	else if (live_bytes < LIVE_BYTES)
		do_take(source, block, kind);
}

static void release_one(struct source *source) {
	struct block *block = draw_block(source);
	if (block->at)
		do_release(block, false);
}

static void resize_one(struct source *source) {
	struct block *block = draw_block(source);
	if (block->at)
		do_reallocate(source, block);
	else
		do_take(source, block, 2);
}

/* Sizes from 32 KB to 2 MB in pages: spans, that grow and shrink, and the smaller large blocks. */
static void resize_pages(struct source *source) {
	struct block *block = draw_block(source);
	size_t size = (9 + (size_t)draw_below(source, 504)) * PAGE_SIZE - draw_below(source, 2);
	if (!block->at) {
		note(block, allocate(size), size, 16);
		block->plain = true;
		return;
	}
	do_reallocate_to(block, size);
}

static void ask_one(struct source *source) {
	const struct block *block = draw_block(source);
	if (!block->at)
		return;
	EXPECT(usable_size(block->at) == block->usable);
	expect_fill(block, block->at, block->size);
}

/* ---- the whole ---- */

/* Enough slow calls for a look. */
static void look(void) {
	for (unsigned i = 0; i < LOOK; i++) {
		void *slot = allocate_slow(LOOK_SIZE, BY_MALLOC);
		EXPECT(slot != NULL);
		release(slot);
	}
}

static void look_once(struct source *source) {
	(void)source;
	look();
}

static void pass_time(struct source *source) {
	static const uint64_t steps[] = {1, 20, 300, 1001, 2500, 60000};
	now += steps[draw_below(source, 6)];
}

static unsigned count_alive(void) {
	unsigned alive = 0;
	for (const struct thread *thread = threads; thread < threads + THREADS; thread++)
		alive += thread->alive;
	return alive;
}

/* After some quiet seconds free memory is within the bound of reclaim.h, and no refault adds to it; the magazines of
 * this thread, which have not moved, and those of the threads that ended are empty. */
static void rest(struct source *source) {
	(void)source;
	for (unsigned i = 0; i < QUIET_SECONDS; i++) {
		now += 1001;
		look();
	}
	EXPECT(os_page_size() > PAGE_SIZE || ledger_purgeable() <= reclaim_base());
	for (unsigned class = 1; count_alive() == 1 && class < CLASSES; class ++)
		EXPECT(class == class_of(LOOK_SIZE) || cache_count(class) == 0);
}

/* What lies in the caches of other threads stays. */
static void trim_all(struct source *source) {
	(void)source;
	trim();
	EXPECT(os_page_size() > PAGE_SIZE ||
	       account_read().rows[ROW_FREE_PAGES] == 0); /* parts of larger pages stay */
	EXPECT(account_read().rows[ROW_POOL] == 0);
}

static void check_now(struct source *source) {
	(void)source;
	check_all();
}

/* The child has this thread alone, and returns everything. */
static void split_off(struct source *source) {
	int status = -1;
	(void)source;
	if (fuzzed || game.forks++ >= FORKS)
		return;
	pid_t child = fork();
	EXPECT(child >= 0);
	if (child == 0) {
		cache_after_fork();
		check_all();
		return_all();
		trim();
		check_all();
		_exit(account_read().chunks ? 1 : 0);
	}
	while (waitpid(child, &status, 0) < 0)
		EXPECT(errno == EINTR);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	errno = EXDEV;
}

/* ---- turns ---- */

static void pass_turn(struct source *source) {
	unsigned next = draw_below(source, THREADS);
	game.passed = next != game.next;
	game.next = next;
}

static void end_thread(struct source *source) {
	threads[game.next].ends = game.passed = true;
	game.next = draw_below(source, THREADS);
}

static void step(struct source *source) {
	static void (*const acts[])(struct source *) = {
	        take_one,   take_one,   take_one,  take_one,  repeat_phases, release_one,  release_one,
	        resize_one, resize_one, pile_up,   pile_up,   pile_up,       pile_up,      pile_down,
	        pile_down,  pile_down,  pile_down, pass_turn, pass_turn,     pass_turn,    pass_turn,
	        end_thread, pass_time,  pass_time, look_once, look_once,     resize_pages, ask_one,
	        rest,       trim_all,   check_now, split_off,
	};
	errno = EXDEV;
	acts[draw_below(source, sizeof acts / sizeof *acts)](source);
	EXPECT(errno == EXDEV);
	if (++game.steps % CHECK_EVERY == 0)
		check_all();
}

static bool goes_on(void) { return !game.source->ended && game.steps < game.nsteps; }

static void await(sem_t *turn) {
	while (sem_wait(turn) != 0)
		EXPECT(errno == EINTR);
}

static void note_cache(void) {
	struct cache **at = met;
	while (thread_cache != none && *at != thread_cache && *at) {
		at++;
		EXPECT(at < met + most_alive);
	}
	*at = thread_cache == none ? *at : thread_cache;
}

/* T2 of cache.h, in the running thread's cache. */
static void check_cache(void) {
	const struct cache *cache = thread_cache;
	size_t bytes = 0;
	for (unsigned class = 1; class < CLASSES; class ++) {
		EXPECT(cache->top[class] <= cache->full[class]);
		EXPECT(cache->full[class] - cache->top[class] <= cache->capacity[class]);
		bytes += cache->capacity[class] * class_size(class);
	}
	EXPECT(bytes == cache->bytes);
}

static void *live(void *argument) {
	struct thread *self = argument;
	self->number = thread_id();
	for (bool ends = false; !ends; sem_post(&table)) {
		await(&self->turn);
		for (game.passed = false; !game.passed && goes_on();)
			step(game.source);
		if (game.over) {
			return_all();
			if (count_alive() == 1)
				rest(game.source);
		}
		note_cache();
		check_cache();
		ends = self->ends || game.over;
	}
	return NULL;
}

static void give_turn(struct thread *thread) {
	if (!thread->alive) {
		thread->ends = false;
		sem_init(&thread->turn, 0, 0);
		EXPECT(pthread_create(&thread->id, NULL, live, thread) == 0);
		thread->alive = true;
		most_alive = (unsigned)max_size(most_alive, count_alive());
	}
	sem_post(&thread->turn);
	await(&table);
	if (thread->ends || game.over) {
		pthread_join(thread->id, NULL);
		wait_until_ended(thread->number);
		thread->alive = false;
	}
}

static void run(struct source *source, size_t nsteps) {
	make_fresh();
	now = 1000;
	none = thread_cache; /* main's own: it only frees what is left */
	memset(met, 0, sizeof met);
	most_alive = 0;
	stamps = 0;
	game.source = source;
	game.nsteps = nsteps;
	game.steps = game.forks = game.next = 0;
	game.over = false;
	sem_init(&table, 0, 0);
	while (goes_on())
		give_turn(&threads[game.next]);
	game.over = true;
	give_turn(&threads[game.next]);
	for (struct thread *thread = threads; thread < threads + THREADS; thread++)
		if (thread->alive)
			give_turn(thread);
	check_all();
	trim();
	check_all();
	expect_nothing_left();
}

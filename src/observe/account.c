/* account.c (level 9): see account.h. */
#include "observe/account.h"

#include "back/chunk.h"
#include "back/large.h"
#include "front/malloc.h"
#include "ground/config.h"
#include "ground/metadata.h"
#include "ground/os.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PREFIX "libbuddymalloc: "

const char *const account_names[ACCOUNT_ROWS] = {
        [ROW_LIVE_SLOTS] = "live_slots", [ROW_LIVE_SPANS] = "live_spans",
        [ROW_LIVE_LARGE] = "live_large", [ROW_FREE_SLOTS] = "free_slots",
        [ROW_SLAB_TAILS] = "slab_tails", [ROW_RUN_TAILS] = "run_tails",
        [ROW_MAGAZINES] = "magazines",   [ROW_DEPOTS] = "depots",
        [ROW_FREE_PAGES] = "free_pages", [ROW_POOL] = "pool",
        [ROW_QUARANTINE] = "quarantine", [ROW_METADATA] = "metadata",
        [ROW_PAGEMAP] = "pagemap",       [ROW_CLEAN_PAGES] = "clean_pages",
};

/* ---- counting ---- */

/* The bytes that are there of the pages on which the entries from `first` to before `end` of the root
 * lie. Entries are read on such pages alone, for a read makes one. */
static size_t count_root(size_t first, size_t end) {
	size_t page = os_page_size();
	char *from = (char *)&pagemap_root[first], *to = (char *)&pagemap_root[end];
	from -= (uintptr_t)from % page;
	return os_resident(from, align_up((size_t)(to - from), page));
}

static bool is_one_page(size_t first, size_t end) {
	return end - first <= os_page_size() / sizeof pagemap_root[0];
}

/* The same, and the bytes of the leaves that these entries name. */
static size_t count_pagemap(size_t first, size_t end) {
	size_t bytes = count_root(first, end);
	if (!bytes)
		return 0;
	if (!is_one_page(first, end))
		return count_pagemap(first, (first + end) / 2) + count_pagemap((first + end) / 2, end);
	for (size_t i = first; i < end; i++) {
		const struct leaf *leaf = atomic_load_explicit(&pagemap_root[i], memory_order_acquire);
		bytes += leaf ? os_resident(leaf, sizeof *leaf) : 0;
	}
	return bytes;
}

/* The bytes of our own records that are there. */
static size_t count_metadata(void) {
	size_t bytes = 0;
	for (const struct metadata_region *region = metadata_count().newest; region; region = region->older)
		bytes += os_resident(region, region->size);
	return bytes;
}

/* Adds what a class holds. */
static void add_class(struct account *account, unsigned class) {
	struct central_totals central = central_count(class);
	size_t size = class_size(class), magazines = cache_count(class);
	size_t tails = central.slab_pages * PAGE_SIZE - central.slots * size;
	/* On the clean pages there are free slots and clean tails alone. */
	size_t clean = central.clean_pages * PAGE_SIZE - central.clean_tails;
	size_t taken = central.slots - central.free_slots;
	account->rows[ROW_LIVE_SLOTS] += (taken - central.depot_slots - magazines) * size;
	account->rows[ROW_LIVE_SPANS] -= central.slab_pages * PAGE_SIZE;
	account->rows[ROW_FREE_SLOTS] += central.free_slots * size - clean;
	account->rows[ROW_SLAB_TAILS] += tails - central.clean_tails;
	account->rows[ROW_MAGAZINES] += magazines * size;
	account->rows[ROW_DEPOTS] += central.depot_slots * size;
	account->free_slots += central.free_slots;
	account->cached_slots += central.depot_slots + magazines;
}

/* What is in quarantine is not live. Its pages were purged, and are in no row. */
static void take_quarantine_out(struct account *account) {
	struct guard_totals guard = guard_count();
	account->rows[ROW_LIVE_SLOTS] -= guard.slots;
	account->rows[ROW_LIVE_SPANS] -= guard.spans;
	account->rows[ROW_LIVE_LARGE] -= guard.large;
	account->rows[ROW_QUARANTINE] = guard.slots;
	account->large -= guard.nlarge;
}

struct account account_read(void) {
	struct chunk_totals chunk = chunk_count();
	struct large_totals large = large_count();
	struct account account = {
	        .rows = {[ROW_LIVE_SPANS] = chunk.used_pages * PAGE_SIZE,
	                 [ROW_LIVE_LARGE] = large.live_bytes,
	                 [ROW_RUN_TAILS] = large.tail_bytes,
	                 [ROW_FREE_PAGES] = chunk.dirty_pages * PAGE_SIZE,
	                 [ROW_POOL] = pool_count().ndirty * PAGE_SIZE,
	                 [ROW_METADATA] = count_metadata(),
	                 [ROW_PAGEMAP] = count_pagemap(0, ROOT_LEAVES)},
	        .chunks = chunk.chunks,
	        .large = large.live,
	        .peak = chunk.peak_pages * PAGE_SIZE + large.peak_bytes,
	};
	for (unsigned class = 1; class < CLASSES; class ++)
		add_class(&account, class);
	take_quarantine_out(&account);
	for (unsigned row = 0; row < ACCOUNT_ROWS; row++) /* what is being moved may be missing twice */
		account.rows[row] = account.rows[row] > PTRDIFF_MAX ? 0 : account.rows[row];
	return account;
}

/* ---- what is there ---- */

/* Counts `in_rows` bytes of which `there` are there, without knowing which. */
static void add_presence(struct account *account, size_t in_rows, size_t there) {
	if (there < in_rows)
		account->absent += in_rows - there;
	else
		account->rows[ROW_CLEAN_PAGES] += there - in_rows;
}

/* Adds the pages of a chunk. Of a slab's pages the pagemap says which are clean: class 0. */
static void ask_chunk(struct account *account, struct chunk *chunk, const char *base) {
	unsigned char there[CHUNK_PAGES];
	size_t page_size = os_page_size();
	if (!os_presence(base, CHUNK_SIZE, there))
		return;
	lock_take(&chunk_lock);
	for (unsigned page = 0; page < CHUNK_PAGES && pagemap_owner(base) == &chunk->owner; page++) {
		const char *at = base + page * PAGE_SIZE;
		bool is_there = there[page * PAGE_SIZE / page_size] & 1;
		bool dirty = buddy_next_free(&chunk->buddy, page) == page
		                     ? bitmap_count(&chunk->dirty, page, 1)
		                     : !chunk_slab_of(at) || pagemap_class(at);
		add_presence(account, dirty ? PAGE_SIZE : 0, is_there ? PAGE_SIZE : 0);
	}
	lock_release(&chunk_lock);
}

/* Adds a run: a large block with its tail, or one in the pool. Of its pages at most ndirty hold data,
 * but nobody knows which. */
static void ask_run(struct account *account, const struct run *run, const char *base) {
	lock_take(&pool_lock);
	bool begins = pagemap_owner(base) == &run->owner && run->base == base;
	size_t size = begins ? run->nchunks * CHUNK_SIZE : 0, ndirty = run->ndirty;
	lock_release(&pool_lock);
	if (begins)
		add_presence(account, ndirty * PAGE_SIZE, os_resident(base, size));
}

static void ask_leaf(struct account *account, size_t index) {
	const struct leaf *leaf = atomic_load_explicit(&pagemap_root[index], memory_order_acquire);
	for (size_t i = 0; leaf && i < LEAF_CHUNKS; i++) {
		struct owner *owner = atomic_load_explicit(&leaf->owner[i], memory_order_acquire);
		/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
		const char *base = (const char *)(index << LEAF_SHIFT | i << CHUNK_SHIFT);
		if (owner && owner->kind == OWNER_CHUNK)
			ask_chunk(account, (struct chunk *)owner, base);
		else if (owner && owner->kind != OWNER_NONE)
			ask_run(account, (struct run *)owner, base);
	}
}

/* Adds what the entries from `first` to before `end` of the pagemap's root name. */
static void ask_leaves(struct account *account, size_t first, size_t end) {
	if (!count_root(first, end))
		return;
	if (!is_one_page(first, end)) {
		ask_leaves(account, first, (first + end) / 2);
		ask_leaves(account, (first + end) / 2, end);
		return;
	}
	for (size_t index = first; index < end; index++)
		ask_leaf(account, index);
}

void account_ask(struct account *account) {
	struct guard_totals guard = guard_count();
	ask_leaves(account, 0, ROOT_LEAVES);
	account->absent -= min_size(account->absent, guard.spans + guard.large); /* in no row */
}

size_t account_sum(const struct account *account) {
	size_t sum = 0;
	for (unsigned row = 0; row < ACCOUNT_ROWS; row++)
		sum += account->rows[row];
	return sum;
}

/* Skips spaces, and reads a number behind them. */
static size_t read_count(const char **text) {
	size_t number = 0;
	while (**text == ' ')
		(*text)++;
	for (; **text >= '0' && **text <= '9'; (*text)++)
		number = number * 10 + (size_t)(**text - '0');
	return number;
}

/* The file has the process's pages: all, resident, resident and shared. */
size_t account_resident(void) {
	char numbers[128];
	const char *at = numbers;
	os_read_text("/proc/self/statm", numbers, sizeof numbers);
	read_count(&at);
	size_t resident = read_count(&at), shared = read_count(&at);
	return (resident - shared) * os_page_size();
}

/* ---- the text and JSON ---- */

/* A line of a name and KB, which end in one column. */
static void add_line(struct text *text, const char *name, size_t bytes, const char *what) {
	static const char spaces[] = "                       ";
	size_t width = strlen(name);
	for (size_t kb = bytes / 1024; kb >= 10; kb /= 10)
		width++;
	text_add(text, PREFIX "  %s%s%z KB%s\n", name, spaces + min_size(width, sizeof spaces - 2),
	         bytes / 1024, what);
}

static void add_text(struct text *text, const struct account *account) {
	struct calls calls = calls_counted();
	struct rusage usage;
	size_t given = max_size(calls.given, 1), slack = given - calls.asked;
	getrusage(RUSAGE_SELF, &usage);
	text_add(text, PREFIX "account of %s, process %z\n", program_invocation_short_name, (size_t)getpid());
	add_line(text, "peak", (size_t)usage.ru_maxrss * 1024, " resident");
	add_line(text, "resident", account_resident(), " anonymous, of the whole process");
	add_line(text, "heap", account_sum(account) - account->absent, " of these");
	add_line(text, "absent", account->absent, " of the rows");
	add_line(text, "rows", account_sum(account), " together:");
	for (unsigned row = 0; row < ACCOUNT_ROWS; row++)
		if (account->rows[row])
			add_line(text, account_names[row], account->rows[row], "");
	text_add(text, PREFIX "  chunks  %z of 2 MB, and %z large blocks\n", account->chunks, account->large);
	if (calls.number) /* counted with the option stats only */
		text_add(text, PREFIX "  slack   %z.%z %% of the %z KB handed out in %z calls\n",
		         slack * 100 / given, slack * 1000 / given % 10, calls.given / 1024, calls.number);
	text_add(text, PREFIX "  faults  %z minor, %z major\n", (size_t)usage.ru_minflt,
	         (size_t)usage.ru_majflt);
}

static void add_json(struct text *text, const struct account *account) {
	text_add(text, "{\"resident\":%z,\"absent\":%z,\"rows\":{", account_resident(), account->absent);
	for (unsigned row = 0; row < ACCOUNT_ROWS; row++)
		text_add(text, "%s\"%s\":%z", row ? "," : "", account_names[row], account->rows[row]);
	text_add(text, "}}\n");
}

static int write_all(int file, const char *bytes, size_t size) {
	while (size) {
		long written = syscall(SYS_write, file, bytes, size);
		if (written < 0 && errno != EINTR)
			return -1;
		if (written > 0)
			bytes += written, size -= (size_t)written;
	}
	return 0;
}

int account_write(int file, enum account_format format) {
	char bytes[2048];
	struct text text = {bytes, sizeof bytes, 0};
	struct account account = account_read();
	account_ask(&account);
	(format == ACCOUNT_JSON ? add_json : add_text)(&text, &account);
	return write_all(file, bytes, text.length);
}

/* ---- at exit ---- */

/* What stderr was at the start, and our duplicate of it; -1: none. */
static struct {
	bool known;
	dev_t device;
	ino_t inode;
	int copy;
} errors = {.copy = -1};

/* The least number of the duplicate, where no program looks for its own files. */
enum { COPY_FROM = 1000 };

/* Whether a descriptor is open and leads to what stderr was: the program may have closed it, and
 * opened a file of its own since. */
static bool leads_to_errors(int file) {
	struct stat now;
	return errors.known && file >= 0 && fstat(file, &now) == 0 && now.st_dev == errors.device &&
	       now.st_ino == errors.inode;
}

void account_begin(void) {
	struct rlimit files;
	struct stat now;
	int saved = errno;
	if (config.stats > 1 && config.stats != (size_t)getpid())
		config.stats = 0;
	if (config.stats && fstat(STDERR_FILENO, &now) == 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
		size_t from = min_size(COPY_FROM, max_size(files.rlim_cur, 1) - 1);
		errors.known = true, errors.device = now.st_dev, errors.inode = now.st_ino;
		errors.copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, (int)from);
	}
	errno = saved;
}

void account_after_fork(void) {
	if (config.stats <= 1)
		return;
	config.stats = 0;
	if (leads_to_errors(errors.copy))
		syscall(SYS_close, errors.copy);
}

/* Nobody may read any more what a pipe is given. The signal of that is none of the program's, so it
 * is kept from it. */
static void write_last(int file) {
	sigset_t broken, before, pending;
	sigemptyset(&broken);
	sigaddset(&broken, SIGPIPE);
	sigpending(&pending);
	sigprocmask(SIG_BLOCK, &broken, &before);
	bool failed = account_write(file, ACCOUNT_TEXT) != 0 && errno == EPIPE;
	if (failed && !sigismember(&pending, SIGPIPE))
		syscall(SYS_rt_sigtimedwait, &broken, NULL, &(struct timespec){0}, _NSIG / 8);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

void account_end(void) {
	if (!config.stats)
		return;
	if (leads_to_errors(STDERR_FILENO))
		write_last(STDERR_FILENO);
	else if (leads_to_errors(errors.copy))
		write_last(errors.copy);
}

/* pages.c: what a program does to the pages of a block does not reach the next owner of the addresses; what is unmapped in a
 * block, or not copied to a child, is nobody else's; and the calls answer as libc's do. */
#define _GNU_SOURCE
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "common.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
enum { GUARD_INSTALL = 102 }; /* since Linux 6.13 */

static size_t page;
static int moved_on; /* blocks are in quarantine for a while: their addresses are not had again at once */

/* ---- faults ---- */

static sigjmp_buf back;
static void on_fault(int signal) { siglongjmp(back, signal); }

static int can_write(char *from, size_t size) {
	if (sigsetjmp(back, 1))
		return 0;
	for (size_t at = 0; at < size; at += page)
		*(volatile char *)(from + at) = 1;
	return 1;
}

static int can_read(const char *from) {
	if (sigsetjmp(back, 1))
		return 0;
	return *(const volatile char *)from | 1;
}

/* ---- what the kernel says of addresses ---- */

static char maps[4 << 20];

static const char *read_maps(void) {
	size_t length = 0;
	ssize_t got;
	int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (got = read(fd, maps + length, sizeof maps - 1 - length)) > 0)
		length += (size_t)got;
	if (fd >= 0)
		close(fd);
	maps[length] = 0;
	return maps;
}

/* Whether every mapping that a range lies in is private, anonymous, readable and writable, and has no flag of
 * these: left out of core files, of children, wiped there, locked, merged. */
static int is_plain(const char *from, const char *end) {
	static const char *const lasting[] = {" dd", " dc", " wf", " lo", " mg"};
	unsigned long first, last, inode;
	int inside = 0, plain = 1;
	char access[8];
	for (const char *line = read_maps(); *line; line = strchr(line, '\n') + 1) {
		if (sscanf(line, "%lx-%lx %7s %*x %*x:%*x %lu", &first, &last, access, &inode) == 4) {
			inside = first < (unsigned long)end && last > (unsigned long)from;
			plain &= !inside || (!strcmp(access, "rw-p") && !inode);
		} else if (inside && !strncmp(line, "VmFlags:", 8)) {
			for (size_t i = 0; i < COUNT(lasting); i++) {
				const char *flag = strstr(line, lasting[i]);
				plain &= !flag || flag > strchr(line, '\n');
			}
		}
	}
	return plain;
}

static size_t locked(void) { return proc_bytes("/proc/self/status", "VmLck:"); }

/* ---- what is done to a block: its pages from `at` on; 0: this kernel does not ---- */

static int other_file;
static char *other(size_t size, int kind) {
	return mmap(NULL, size, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);
}

static int no_access(char *at, size_t size) { return mprotect(at, size, PROT_NONE) == 0; }
static int read_only(char *at, size_t size) { return mprotect(at, size, PROT_READ) == 0; }
static int executable(char *at, size_t size) { return mprotect(at, size, PROT_READ | PROT_EXEC) == 0; }
static int one_page(char *at, size_t size) {
	return mprotect(at + size / 2 / page * page, page, PROT_NONE) == 0;
}
static int with_key(char *at, size_t size) { return pkey_mprotect(at, size, PROT_READ, 0) == 0; }
static int not_forked(char *at, size_t size) { return madvise(at, size, MADV_DONTFORK) == 0; }
static int wiped(char *at, size_t size) { return madvise(at, size, MADV_WIPEONFORK) == 0; }
static int not_dumped(char *at, size_t size) { return madvise(at, size, MADV_DONTDUMP) == 0; }
static int mergeable(char *at, size_t size) { return madvise(at, size, MADV_MERGEABLE) == 0; }
static int guarded(char *at, size_t size) { return madvise(at, size, GUARD_INSTALL) == 0; }
static int locks(char *at, size_t size) { return mlock(at, size) == 0; }
static int locks_on_fault(char *at, size_t size) { return mlock2(at, size, MLOCK_ONFAULT) == 0; }
static int file_over(char *at, size_t size) {
	return mmap(at, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, other_file, 0) == at;
}
static int shared_over(char *at, size_t size) {
	return mmap64(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at;
}
static int moved_over(char *at, size_t size) {
	return mremap(other(size, MAP_SHARED), size, size, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at;
}
static int moved_away(char *at, size_t size) {
	char *there = other(size, MAP_PRIVATE);
	at[0] = 77;
	int moved = mremap(at, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, there) == there && there[0] == 77;
	return moved && munmap(there, size) == 0;
}
static int shortened(char *at, size_t size) { return mremap(at, size, page, 0) == at && can_write(at, page); }
static int unmapped(char *at, size_t size) { return munmap(at, size) == 0; }
static int unmapped_in_part(char *at, size_t size) {
	return munmap(at + page, size - 2 * page) == 0 && can_write(at, page);
}

static const struct deed {
	const char *name;
	int (*does)(char *at, size_t size);
} deeds[] = {
        {"mprotect, no access", no_access},
        {"mprotect, read only", read_only},
        {"mprotect, executable", executable},
        {"mprotect of one page", one_page},
        {"pkey_mprotect", with_key},
        {"MADV_DONTFORK", not_forked},
        {"MADV_WIPEONFORK", wiped},
        {"MADV_DONTDUMP", not_dumped},
        {"MADV_MERGEABLE", mergeable},
        {"MADV_GUARD_INSTALL", guarded},
        {"mlock", locks},
        {"mlock2", locks_on_fault},
        {"mmap of a file", file_over},
        {"mmap64 of shared memory", shared_over},
        {"mremap to it", moved_over},
        {"mremap away from it", moved_away},
        {"mremap, shorter", shortened},
        {"munmap", unmapped},
        {"munmap of its middle", unmapped_in_part},
};

/* ---- the next owner ---- */

static char *blocks[10000];

/* Takes blocks of a size and writes to them, until most of the range at `old` is theirs; how many lie there, or -1 when one of
 * them is not as any other. */
static int next_owners(char *old, size_t range, size_t size) {
	size_t n = 0, most = (3 * range + 12 * MB) / size, bytes = 0;
	int in_range = 0, plain = 1;
	for (; n < most && n < COUNT(blocks) && bytes < range - range / 8; n++) {
		char *block = blocks[n] = malloc(size);
		plain &= can_write(block, size);
		if (block >= old + range || block + size <= old)
			continue;
		bytes += size;
		in_range++;
		plain &= in_range > 3 || is_plain(block, block + size);
	}
	plain &= bytes == 0 || moved_on || is_plain(old + range / 8, old + range - range / 8);
	while (n-- > 0)
		free(blocks[n]);
	return plain ? in_range : -1;
}

static void test_next_owner(const struct deed *deed, size_t size, size_t next) {
	size_t lock_before = locked();
	malloc_trim(0);
	char *block = memalign(page, size);
	can_write(block, size);
	if (!deed->does(block, size)) {
		skip(deed->name, strerror(errno));
		free(block);
		return;
	}
	errno = 12345;
	free(block);
	int kept = errno == 12345;
	if (next != size)
		malloc_trim(0); /* a span may be kept for blocks of its size */
	int owners = next_owners(block, size, next);
	ok(kept && owners >= !moved_on && locked() <= lock_before,
	   "%s: %zu bytes, then blocks of %zu: %d of these lie there, and are as any other", deed->name, size,
	   next, owners);
}

static char *next;
static size_t next_size;
static int is_intact(void) { return intact(next, next_size, 5); }

/* A child has what the next owner of pages wrote that were not to be copied. */
static void test_child(const struct deed *deed, size_t size) {
	char *block = memalign(page, size);
	if (!deed->does(block, size)) {
		skip(deed->name, strerror(errno));
	} else {
		free(block);
		next = memalign(page, size);
		fill(next, 0, size, 5);
		next_size = size;
		ok((moved_on || next == block) && in_child(is_intact),
		   "%s: a child has what the next owner wrote", deed->name);
		block = next;
	}
	free(block);
}

/* ---- no holes ---- */

static char *hole;
static size_t hole_size;

/* Mappings of every length find no place in the hole, which is without access; then its block is freed. */
static int hole_is_kept(void) {
	int kept = !can_read(hole);
	for (int i = 0; i < 300; i++) {
		size_t size = page << i % 8;
		char *at = other(size, MAP_PRIVATE);
		kept &= at >= hole + hole_size || at + size <= hole;
	}
	free(malloc(3 * MB));
	free(hole);
	return kept && next_owners(hole, hole_size, hole_size) >= 0;
}

static void test_holes(size_t size) {
	hole = memalign(page, size);
	hole_size = size;
	madvise(hole, size, MADV_DONTFORK);
	ok(in_child(hole_is_kept), "%zu KB that a child does not have: nobody else gets the addresses",
	   size / KB);
	munmap(hole, size);
	ok(in_child(hole_is_kept) && hole_is_kept(), "the same of an unmapped block");
}

/* A range may begin elsewhere and end in a block. New blocks mostly lie below older ones. */
static void test_mixed(void) {
	char *block = NULL, *before = MAP_FAILED, *end;
	for (int i = 0; i < 8 && before == MAP_FAILED; i++) {
		block = memalign(2 * MB, (40 + (size_t)i) * MB);
		before = mmap(block - 8 * page, 8 * page, PROT_READ,
		              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		end = before + 8 * page;
	}
	if (before == MAP_FAILED) {
		skip("unmapping more than a block", "something lies before it");
		return;
	}
	ok(munmap(end - page, 2 * page) == 0 && !can_read(end - page) && !can_read(end) &&
	           can_read(end - 2 * page) && can_write(end + page, 40 * MB - page),
	   "unmapping the start of a block and what lies before it");
	ok(mmap(end - page, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
	           end - page,
	   "what lay before it is nobody's then");
	munmap(before, 8 * page);
	if (block == end)
		free(block);
}

/* ---- realloc ---- */

static void test_realloc(const struct deed *deed, size_t size, size_t new_size) {
	char *block = memalign(page, size);
	size_t kept = size < new_size ? size : new_size;
	fill(block, 0, size, 3);
	if (!deed->does(block, size)) {
		skip(deed->name, strerror(errno));
		free(block);
		return;
	}
	block = realloc(block, new_size);
	ok(block && intact(block, kept, 3) && can_write(block, new_size) && is_plain(block, block + new_size),
	   "%s: a block of %zu KB becomes one of %zu KB that is as any other", deed->name, size / KB,
	   new_size / KB);
	free(block);
	ok(next_owners(block, new_size, size) >= 0, "and leaves nothing behind");
}

/* ---- protection that is changed back ---- */

static void test_changed_back(void) {
	char *block = memalign(page, 200 * KB);
	fill(block, 0, 200 * KB, 8);
	mprotect(block, 200 * KB, PROT_READ);
	mprotect(block, 200 * KB, PROT_READ | PROT_WRITE);
	ok(intact(block, 200 * KB, 8) && can_write(block, 200 * KB),
	   "a block that was read only for a while");
	free(block);
}

/* A freed slot bears a mark; not where it could not be written. */
static void test_slots_of_a_page(void) {
	enum { N = 64 };
	char *slots[N];
	for (int i = 0; i < N; i++)
		fill(slots[i] = malloc(512), 0, 512, 1);
	char *shared = slots[N / 2] - (uintptr_t)slots[N / 2] % page;
	mprotect(shared, page, PROT_READ);
	free(slots[N / 2]);
	mprotect(shared, page, PROT_READ | PROT_WRITE);
	for (int i = 0; i < N; i++)
		if (i != N / 2)
			free(slots[i]);
	ok(1, "a block on a page that is read only is freed");
}

/* The page in which a block begins may hold what the heap knows of it. */
static void test_first_page(void) {
	for (size_t size = 200 * KB - 1000; size < 20 * MB; size *= 40) {
		char *block = malloc(size), *first = block - (uintptr_t)block % page;
		fill(block, 0, size, 4);
		mprotect(first, 3 * page, PROT_NONE);
		free(block);
		ok(next_owners(block, size, size) >= !moved_on,
		   "a block of %zu bytes is freed without its first pages", size);
	}
}

/* ---- answers ---- */

struct answer {
	long value;
	int error;
};
#define SAME(call, raw)                                                                                      \
	do {                                                                                                 \
		errno = 0;                                                                                   \
		struct answer ours = {(long)(call), errno};                                                  \
		errno = 0;                                                                                   \
		struct answer kernels = {(long)(raw), errno};                                                \
		ok(ours.value == kernels.value && ours.error == kernels.error, "%s: %ld, errno %d", #call,   \
		   ours.value, ours.error);                                                                  \
	} while (0)

static void test_answers(void) {
	char *block = memalign(page, 200 * KB), *none = NULL;
	SAME(munmap(block, 0), syscall(SYS_munmap, block, 0));
	SAME(munmap(block + 1, page), syscall(SYS_munmap, block + 1, page));
	SAME(munmap(block, SIZE_MAX), syscall(SYS_munmap, block, SIZE_MAX));
	SAME(mprotect(block + 1, page, PROT_READ), syscall(SYS_mprotect, block + 1, page, PROT_READ));
	SAME(mprotect(block, SIZE_MAX - page, PROT_READ),
	     syscall(SYS_mprotect, block, SIZE_MAX - page, PROT_READ));
	SAME(mprotect(none, page, PROT_READ), syscall(SYS_mprotect, none, page, PROT_READ));
	SAME(mprotect(block, 0, PROT_READ), syscall(SYS_mprotect, block, 0, PROT_READ));
	SAME(pkey_mprotect(block, page, PROT_READ | PROT_WRITE, -1),
	     syscall(SYS_mprotect, block, page, PROT_READ | PROT_WRITE));
	SAME(pkey_mprotect(block, page, PROT_READ | PROT_WRITE, 99),
	     syscall(SYS_pkey_mprotect, block, page, PROT_READ | PROT_WRITE, 99));
	SAME(madvise(block, page, 999), syscall(SYS_madvise, block, page, 999));
	SAME(madvise(block, page, -1), syscall(SYS_madvise, block, page, -1));
	SAME(madvise(none, page, MADV_DONTFORK), syscall(SYS_madvise, none, page, MADV_DONTFORK));
	SAME(mlock(none, page), syscall(SYS_mlock, none, page));
	SAME(mlock2(block, page, 64), syscall(SYS_mlock2, block, page, 64));
	SAME(munlock(block + 1, 1), syscall(SYS_munlock, block + 1, 1));
	SAME(munlock(none, page), syscall(SYS_munlock, none, page));
	SAME(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	     syscall(SYS_mmap, NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	SAME(mmap(NULL, page, PROT_READ, MAP_PRIVATE, -1, 0),
	     syscall(SYS_mmap, NULL, page, PROT_READ, MAP_PRIVATE, -1, 0));
	SAME(mmap(NULL, page, PROT_READ, MAP_PRIVATE, other_file, 1),
	     syscall(SYS_mmap, NULL, page, PROT_READ, MAP_PRIVATE, other_file, 1));
	SAME(mmap(block + 1, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
	     syscall(SYS_mmap, block + 1, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	SAME(mremap(block, page, 0, MREMAP_MAYMOVE), syscall(SYS_mremap, block, page, 0, MREMAP_MAYMOVE));
	SAME(mremap(block, page, page, MREMAP_FIXED, block),
	     syscall(SYS_mremap, block, page, page, MREMAP_FIXED, block));
	SAME(mremap(none, page, page, MREMAP_MAYMOVE), syscall(SYS_mremap, none, page, page, MREMAP_MAYMOVE));
	ok(can_write(block, 200 * KB), "none of these changed the block");
	free(block);
}

/* ---- several threads ---- */

enum { ROUNDS = 400 };
static int mistakes;

static void *change_and_free(void *number) {
	uint64_t random = (size_t)number + 7;
	for (int i = 0; i < ROUNDS; i++) {
		size_t size = next_random(&random) % 8 ? (40 + next_random(&random) % 300) * KB : 3 * MB;
		char *block = memalign(page, size);
		const struct deed *deed = &deeds[next_random(&random) % COUNT(deeds)];
		for (size_t at = 0; at < size; at += page)
			if (block[at] = (char)i, block[at] != (char)i)
				__atomic_fetch_add(&mistakes, 1, __ATOMIC_RELAXED);
		size_t from = next_random(&random) % (size / page - 4) * page;
		if (i % 2 && deed->does != locks && deed->does != locks_on_fault)
			deed->does(block + from, 4 * page);
		free(block);
	}
	return NULL;
}

static int use_heap(void) {
	int good = 1;
	for (size_t size = 40 * KB; size < 8 * MB; size += size / 3) {
		char *block = malloc(size);
		fill(block, 0, size, size);
		good &= intact(block, size, size);
		free(block);
	}
	return good;
}

static void test_threads(void) {
	pthread_t threads[3];
	for (size_t i = 0; i < COUNT(threads); i++)
		threads[i] = start(change_and_free, (void *)i);
	int children = 0;
	for (int i = 0; i < 20; i++)
		children += in_child(use_heap);
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	ok(!mistakes && children == 20, "three threads change their blocks and free them; %d of 20 children",
	   children);
}

int main(void) {
	page = (size_t)sysconf(_SC_PAGESIZE);
	moved_on = getenv("BUDDYMALLOC_CONF") != NULL;
	other_file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	test_threads(); /* where a fault ends the program */
	struct sigaction action = {.sa_handler = on_fault};
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	for (size_t i = 0; i < COUNT(deeds); i++) {
		char *trial = other(8 * page, MAP_PRIVATE);
		if (!deeds[i].does(trial, 8 * page)) {
			skip(deeds[i].name, strerror(errno));
			continue;
		}
		test_next_owner(&deeds[i], 200 * KB, 200 * KB);
		test_next_owner(&deeds[i], 200 * KB, 72 * KB);
		test_next_owner(&deeds[i], 200 * KB, 1000);
		test_next_owner(&deeds[i], 32 * KB, 32 * KB); /* a slot */
		test_next_owner(&deeds[i], 40 * MB, 40 * MB);
		test_next_owner(&deeds[i], 40 * MB, 6 * MB);
	}
	for (size_t i = 0; i < COUNT(deeds); i++) {
		if (deeds[i].does == not_forked || deeds[i].does == wiped) {
			test_child(&deeds[i], 200 * KB);
			test_child(&deeds[i], 40 * MB);
		}
		if (deeds[i].does == not_forked || deeds[i].does == not_dumped ||
		    deeds[i].does == read_only) {
			test_realloc(&deeds[i], 200 * KB, 300 * KB);
			test_realloc(&deeds[i], 200 * KB, 100 * KB);
			test_realloc(&deeds[i], 40 * MB, 50 * MB);
			test_realloc(&deeds[i], 40 * MB, 20 * MB);
		}
	}
	const char *conf = getenv("BUDDYMALLOC_CONF");
	test_holes(200 * KB);
	if (!conf || !*conf || strcmp(conf, "mode:normal") == 0) /* a frame is written to when it is freed */
		test_slots_of_a_page();
	test_holes(6 * MB);
	test_mixed();
	test_changed_back();
	test_first_page();
	test_answers();
	return done();
}

/* mapper.c: a library whose ifunc resolver changes mappings. Preloaded behind ours it is relocated first, so that our
 * names are called before we are relocated. Aborts where they do not serve. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>

static char *page;
static int good;

static int answer(void) { return 42; }

static int (*resolve(void))(void) {
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	good = page != MAP_FAILED &&
	       mmap64(page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page;
	good &= mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0 && madvise(page, 4096, MADV_DONTFORK) == 0;
	good &= mlock(page, 4096) == 0 && munlock(page, 4096) == 0 && munmap(page + 4096, 4096) == 0;
	page = mremap(page, 4096, 8192, MREMAP_MAYMOVE);
	good &= page != MAP_FAILED;
	return answer;
}

__attribute__((visibility("hidden"))) int early(void) __attribute__((ifunc("resolve")));

__attribute__((constructor)) static void use(void) {
	if (early() != 42 || !good || (page[0] = 1, page[0] != 1))
		abort();
}

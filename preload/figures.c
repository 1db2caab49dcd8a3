/* figures.c: bm_stats_print, mallinfo and its kin, from the account of src/observe/account.h;
 * malloc_trim and mallopt. */
#include "buddymalloc.h"
#include "export.h"
#include "process.h"

#include "front/malloc.h"
#include "observe/account.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

EXPORT int malloc_trim(size_t pad) { return (void)pad, trim(); }

/* Returns 1 for the parameters that glibc knows; none of them changes anything. */
EXPORT int mallopt(int parameter, int value) {
	(void)value;
	return (parameter >= M_PERTURB && parameter <= M_TRIM_THRESHOLD) || parameter == M_ARENA_TEST ||
	       parameter == M_ARENA_MAX || parameter == M_MXFAST;
}

/* In the words of glibc's manual, "Statistics of malloc". There chunks are what malloc hands out;
 * here they are what slots and spans are cut from. */
EXPORT struct mallinfo2 mallinfo2(void) {
	struct account account = account_read();
	const size_t *rows = account.rows, in_chunks = account_in_chunks(&account);
	return (struct mallinfo2){
	        .arena = account.chunks * CHUNK_SIZE,                /* mapped in chunks */
	        .ordblks = account.free_slots,                       /* number: free slots in slabs */
	        .smblks = account.cached_slots,                      /* and in magazines and depots, … */
	        .fsmblks = rows[ROW_MAGAZINES] + rows[ROW_DEPOTS],   /* … which have so many bytes */
	        .hblks = account.large,                              /* number: large blocks, … */
	        .hblkhd = rows[ROW_LIVE_LARGE],                      /* … which have so many bytes */
	        .uordblks = in_chunks,                               /* what the program has of the arena */
	        .fordblks = account.chunks * CHUNK_SIZE - in_chunks, /* all else of the arena */
	        /* what malloc_trim gives back, but for pages inside slabs */
	        .keepcost = rows[ROW_FREE_PAGES] + rows[ROW_POOL],
	};
}

static int clamp(size_t value) { return value > INT_MAX ? INT_MAX : (int)value; }

EXPORT struct mallinfo mallinfo(void) {
	struct mallinfo2 wide = mallinfo2();
	return (struct mallinfo){
	        .arena = clamp(wide.arena),
	        .smblks = clamp(wide.smblks),
	        .hblks = clamp(wide.hblks),
	        .hblkhd = clamp(wide.hblkhd),
	        .fsmblks = clamp(wide.fsmblks),
	        .uordblks = clamp(wide.uordblks),
	        .fordblks = clamp(wide.fordblks),
	        .keepcost = clamp(wide.keepcost),
	};
}

EXPORT void malloc_stats(void) {
	int saved = errno;
	account_write(STDERR_FILENO, ACCOUNT_TEXT);
	errno = saved;
}

EXPORT int bm_stats_print(int fd, enum bm_stats_format format) {
	if (format == BM_STATS_TEXT || format == BM_STATS_JSON)
		return account_write(fd, format == BM_STATS_JSON ? ACCOUNT_JSON : ACCOUNT_TEXT);
	errno = EINVAL;
	return -1;
}

static void print_class(FILE *stream, unsigned class) {
	struct central_totals central = central_count(class);
	if (!central.slabs)
		return;
	size_t cached = central.depot_slots + cache_count(class);
	fprintf(stream,
	        "<class size=\"%zu\" slabs=\"%zu\" pages=\"%zu\" slots=\"%zu\" free=\"%zu\" "
	        "cached=\"%zu\"/>\n",
	        class_size(class), central.slabs, central.slab_pages, central.slots, central.free_slots,
	        cached);
}

EXPORT int malloc_info(int options, FILE *stream) {
	if (options) {
		errno = EINVAL;
		return -1;
	}
	fputs("<malloc version=\"libbuddymalloc-" BM_VERSION "\">\n<classes>\n", stream);
	for (unsigned class = 1; class < CLASSES; class ++)
		print_class(stream, class);
	struct account account = account_read();
	account_ask(&account);
	fprintf(stream,
	        "</classes>\n"
	        "<chunks count=\"%zu\" size=\"%zu\"/>\n"
	        "<large count=\"%zu\"/>\n"
	        "<rows resident=\"%zu\" absent=\"%zu\">\n",
	        account.chunks, account.chunks * CHUNK_SIZE, account.large, account_resident(),
	        account.absent);
	for (unsigned row = 0; row < ACCOUNT_ROWS; row++)
		fprintf(stream, "<row name=\"%s\" size=\"%zu\"/>\n", account_names[row], account.rows[row]);
	fputs("</rows>\n</malloc>\n", stream);
	return ferror(stream) ? -1 : 0;
}

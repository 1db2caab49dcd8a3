/* figures.c: mallinfo and its kin, from the account of src/observe/account.h; malloc_trim and
 * mallopt. */
#include "export.h"
#include "process.h"

#include "front/malloc.h"
#include "observe/account.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>

EXPORT int malloc_trim(size_t pad) { return (void)pad, trim(); }

/* Returns 1 for the parameters that glibc knows; none of them changes anything. */
EXPORT int mallopt(int parameter, int value) {
	(void)value;
	return (parameter >= M_PERTURB && parameter <= M_TRIM_THRESHOLD) || parameter == M_ARENA_TEST ||
	       parameter == M_ARENA_MAX || parameter == M_MXFAST;
}

EXPORT struct mallinfo2 mallinfo2(void) {
	struct account account = account_read();
	return (struct mallinfo2){
	        .arena = account.chunk_bytes,
	        .smblks = account.cached_slots,
	        .hblks = account.large,
	        .hblkhd = account.large_live,
	        .fsmblks = account.cached,
	        .uordblks = account.chunk_live,
	        .fordblks = account.chunk_bytes - account.chunk_live,
	        .keepcost = account.chunk_dirty,
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
	struct account account = account_read();
	say("in use   %z bytes in chunks, %z bytes in %z large blocks", account.chunk_live,
	    account.large_live, account.large);
	say("slots    %z bytes free on dirty pages", account.free_slots);
	say("kept     %z bytes in caches, %z in free pages, %z in the pool", account.cached,
	    account.chunk_dirty, account.pooled);
	say("mapped   %z chunks of 2 MB, %z bytes of records", account.chunks, account.records);
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
	fprintf(stream,
	        "</classes>\n"
	        "<chunks count=\"%zu\" size=\"%zu\" live=\"%zu\" dirty=\"%zu\"/>\n"
	        "<cached count=\"%zu\" size=\"%zu\"/>\n"
	        "<slots free=\"%zu\"/>\n"
	        "<large count=\"%zu\" size=\"%zu\" held=\"%zu\"/>\n"
	        "<records size=\"%zu\"/>\n</malloc>\n",
	        account.chunks, account.chunk_bytes, account.chunk_live, account.chunk_dirty,
	        account.cached_slots, account.cached, account.free_slots, account.large, account.large_live,
	        account.pooled, account.records);
	return ferror(stream) ? -1 : 0;
}

/* account.c (level 9): see account.h. */
#include "observe/account.h"

#include "back/chunk.h"
#include "back/large.h"
#include "front/malloc.h"
#include "ground/metadata.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

/* The bytes of a class's slabs that are no taken slot, without its clean pages, on which there
 * are no taken slots. */
static size_t free_on_dirty(unsigned class, const struct central_totals *central) {
	size_t taken = (central->slots - central->free_slots) * class_size(class);
	return (central->slab_pages - central->clean_pages) * PAGE_SIZE - taken;
}

struct account account_read(void) {
	struct chunk_totals chunk = chunk_count();
	struct large_totals large = large_count();
	struct pool_totals pool = pool_count();
	struct account account = {
	        .chunks = chunk.chunks,
	        .chunk_bytes = chunk.chunks * CHUNK_SIZE,
	        .chunk_live = chunk.used_pages * PAGE_SIZE,
	        .chunk_dirty = chunk.dirty_pages * PAGE_SIZE,
	        .large = large.live,
	        .large_live = large.live_bytes,
	        .pooled = pool.ndirty * PAGE_SIZE,
	        .records = metadata_mapped(),
	        .peak = chunk.peak_pages * PAGE_SIZE + large.peak_bytes,
	};
	account.cached = chunk_count_retained() * PAGE_SIZE;
	account.chunk_live -= account.cached;
	for (unsigned class = 1; class < CLASSES; class ++) {
		struct central_totals central = central_count(class);
		size_t cached = central.depot_slots + cache_count(class);
		account.cached_slots += cached;
		account.cached += cached * class_size(class);
		account.chunk_live -= central.slab_pages * PAGE_SIZE;
		account.chunk_live += (central.slots - central.free_slots - cached) * class_size(class);
		account.free_slots += free_on_dirty(class, &central);
	}
	return account;
}

void account_print(void) {
	struct account account = account_read();
	struct calls calls = calls_counted();
	struct rusage usage;
	size_t given = max_size(calls.given, 1), slack = given - calls.asked;
	getrusage(RUSAGE_SELF, &usage);
	say("account of %s, process %z", program_invocation_short_name, (size_t)getpid());
	say("  peak    %z KB resident", (size_t)usage.ru_maxrss);
	say("  live    %z KB in chunks, %z KB in %z large blocks", account.chunk_live / 1024,
	    account.large_live / 1024, account.large);
	say("  kept    %z KB in caches, %z KB in free pages, %z KB in the pool", account.cached / 1024,
	    account.chunk_dirty / 1024, account.pooled / 1024);
	say("  slots   %z KB free on dirty pages", account.free_slots / 1024);
	say("  slack   %z.%z %% of the %z KB handed out in %z calls", slack * 100 / given,
	    slack * 1000 / given % 10, calls.given / 1024, calls.number);
	say("  chunks  %z of 2 MB, and %z KB of records", account.chunks, account.records / 1024);
	say("  faults  %z minor, %z major", (size_t)usage.ru_minflt, (size_t)usage.ru_majflt);
}

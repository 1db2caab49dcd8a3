/* meta.c (rank 2): see meta.h. */
#include "meta.h"

#include "config.h"
#include "os.h"

enum { REGION = 256 * 1024 };

struct free_record {
	struct free_record *next;
};

static struct {
	char *bump, *end; /* what is left of the newest region */
	size_t mapped;
	struct free_record *free[META_MAX_LOG2 + 1]; /* by log2 of the size */
} meta;
struct lock meta_lock = LOCK_INITIAL(RANK_META);

static unsigned size_log2(size_t size) {
	ASSERT(size <= (size_t)1 << META_MAX_LOG2);
	return (unsigned)max_size(ceil_log2(size), META_MIN_LOG2);
}

static bool map_region(void) {
	char *region = config.hardened ? os_map_fenced(REGION) : os_map(REGION);
	if (!region)
		return false;
	meta.bump = region;
	meta.end = region + REGION;
	meta.mapped += REGION;
	return true;
}

void *meta_take(size_t size) {
	unsigned log2 = size_log2(size);
	size_t rounded = (size_t)1 << log2;
	lock_take(&meta_lock);
	void *record = meta.free[log2];
	if (record) {
		meta.free[log2] = meta.free[log2]->next;
	} else if ((size_t)(meta.end - meta.bump) >= rounded || map_region()) {
		record = meta.bump;
		meta.bump += rounded;
	}
	lock_release(&meta_lock);
	return record;
}

void meta_put(void *record, size_t size) {
	struct free_record *freed = record;
	unsigned log2 = size_log2(size);
	lock_take(&meta_lock);
	freed->next = meta.free[log2];
	meta.free[log2] = freed;
	lock_release(&meta_lock);
}

size_t meta_mapped(void) {
	lock_take(&meta_lock);
	size_t mapped = meta.mapped;
	lock_release(&meta_lock);
	return mapped;
}

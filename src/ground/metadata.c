/* metadata.c (level 2): see metadata.h. */
#include "ground/metadata.h"

#include "ground/config.h"
#include "ground/os.h"

enum { REGION = 256 * 1024 };

struct free_record {
	struct free_record *next;
};

static struct {
	char *bump, *end; /* what is left of the newest region */
	struct metadata_totals totals;
	struct free_record *free[METADATA_MAX_LOG2 + 1]; /* by log2 of the size */
} metadata;
struct lock metadata_lock = LOCK_INITIAL(RANK_METADATA);

static unsigned size_log2(size_t size) {
	ASSERT(size <= (size_t)1 << METADATA_MAX_LOG2);
	return (unsigned)max_size(ceil_log2(size), METADATA_MIN_LOG2);
}

static bool map_region(void) {
	char *region = config.hardened ? os_map_fenced(REGION) : os_map(REGION);
	if (!region)
		return false;
	metadata.bump = region;
	metadata.end = region + REGION;
	metadata.totals.mapped += REGION;
	return true;
}

void *metadata_take(size_t size) {
	unsigned log2 = size_log2(size);
	size_t rounded = (size_t)1 << log2;
	lock_take(&metadata_lock);
	void *record = metadata.free[log2];
	if (record) {
		metadata.free[log2] = metadata.free[log2]->next;
	} else if ((size_t)(metadata.end - metadata.bump) >= rounded || map_region()) {
		record = metadata.bump;
		metadata.bump += rounded;
		metadata.totals.used += rounded;
	}
	lock_release(&metadata_lock);
	return record;
}

void metadata_put(void *record, size_t size) {
	struct free_record *freed = record;
	unsigned log2 = size_log2(size);
	lock_take(&metadata_lock);
	freed->next = metadata.free[log2];
	metadata.free[log2] = freed;
	lock_release(&metadata_lock);
}

struct metadata_totals metadata_count(void) {
	lock_take(&metadata_lock);
	struct metadata_totals totals = metadata.totals;
	lock_release(&metadata_lock);
	return totals;
}

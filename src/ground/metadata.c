/* metadata.c (level 2): see metadata.h. */
#include "ground/metadata.h"

#include "ground/os.h"

/* Bytes of a region: as many as there are already, so that they and their fences stay few. */
enum { REGION_MIN = 256 * 1024, REGION_MAX = 1024 * 1024 };

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
	size_t size = min_size(max_size(metadata.totals.mapped, REGION_MIN), REGION_MAX);
	struct metadata_region *region = os_map_fenced(size);
	if (!region)
		return false;
	*region = (struct metadata_region){metadata.totals.newest, size};
	metadata.totals.newest = region;
	metadata.bump = (char *)region + ((size_t)1 << METADATA_MIN_LOG2);
	metadata.end = (char *)region + size;
	metadata.totals.mapped += size;
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

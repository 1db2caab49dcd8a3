/* metadata.h (level 2): memory for metadata, our own records: powers of two from 64 bytes to 16
 * KiB, in regions of their own, which hold no block of the program and lie between pages without
 * access. A record that is put back serves the next request of its size; nothing goes back to the
 * kernel. Any thread.
 */
#ifndef METADATA_H
#define METADATA_H

#include "ground/base.h"
#include "ground/lock.h"

enum { METADATA_MIN_LOG2 = 6, METADATA_MAX_LOG2 = 14 };

/* A record of at least `size` bytes, 64-byte aligned, its content undefined; NULL: no memory. */
void *metadata_take(size_t size);
/* `size` is what metadata_take was asked for. */
void metadata_put(void *record, size_t size);

/* A region begins with this. */
struct metadata_region {
	struct metadata_region *older;
	size_t size;
};

/* Bytes: mapped for records so far; of these, handed out at least once. */
struct metadata_totals {
	size_t mapped, used;
	struct metadata_region *newest;
};
struct metadata_totals metadata_count(void);

extern struct lock metadata_lock;

#endif

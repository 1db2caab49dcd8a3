/* metadata.h (rank 2): memory for metadata, our own records: powers of two from 64 bytes to 16 KiB, in mappings of their
 * own, far from what the program can overrun. Recycled by size, never given back to the kernel. Any thread.
 */
#ifndef METADATA_H
#define METADATA_H

#include "ground/base.h"
#include "ground/lock.h"

enum { METADATA_MIN_LOG2 = 6, METADATA_MAX_LOG2 = 14 };

/* A record of at least `size` bytes, 64-byte aligned, its content undefined; NULL: no memory. */
void *metadata_take(size_t size);
/* `size` as it was taken. */
void metadata_put(void *record, size_t size);

/* Bytes mapped for records so far. */
size_t metadata_mapped(void);

extern struct lock metadata_lock;

#endif

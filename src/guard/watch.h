/* watch.h (level 5): what a program does to the pages of its blocks by calls of its own (mprotect, madvise, mlock, a
 * mapping put over them) is seen by preload/mappings.c, noted here, and undone when the block is freed.
 *
 * W1. Blocks of whole pages are free of notes when they are freed: their pages were mapped anew. Where the
 *     kernel refuses that, the block is never used again; to the books it stays live.
 * W2. Pages that several slots share keep what was done to them until none of the slots is taken and
 *     the page is purged, or their slab dropped (central.c).
 * W3. No address of the heap ever is nobody's, where another mapping could land: what the program
 *     unmaps, or does not copy to a child, becomes memory without access.
 */
#ifndef WATCH_H
#define WATCH_H

#include "ground/altered.h"

/* Whether a range holds pages of the heap. One look into the pagemap for each 2 MB; no lock. */
bool watch_has(const void *address, size_t size);

/* Notes the heap's pages in a range, which the program is about to change; false: no memory. */
bool watch_note(const void *address, size_t size, enum alteration note);

/* The program has changed the protection of a range back. */
void watch_forget(const void *address, size_t size);

/* Unmaps a range that holds pages of the heap, as munmap does; the kernel's answer. */
long watch_unmap(void *address, size_t size);

/* Moves pages that are the heap's, or to where the heap's are, as mremap does; the kernel's answer. */
long watch_move(void *address, size_t size, size_t new_size, int flags, void *target);

/* Maps the noted pages anew that lie wholly in a block, or its frame, which is about to be freed. False:
 * the kernel refuses, and it must not be freed. */
bool watch_renew(void *base, size_t size);

/* In the child of a fork, before anything is mapped there: see W3. */
void watch_after_fork(void);

#endif

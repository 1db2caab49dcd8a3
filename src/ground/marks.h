/* marks.h (level 2): which pages of blocks the program has done something lasting to: taken access away, forbidden
 * to copy them to a child, locked them, put another mapping over them. Such a page is mapped anew before
 * anybody else gets it. Pages are ours, 4 KB; any thread, without a lock, also in a signal handler.
 *
 * K1. A page is marked before the kernel changes it, and its mark goes after it was mapped anew. So at any
 *     instant, that of a fork too, a page that is not as we mapped it has a mark.
 * K2. Pages that nobody has are unmarked, unless the program touched what is not its own.
 * K3. Tables are made when something is marked, and stay; taking a mark away needs no memory.
 */
#ifndef MARKS_H
#define MARKS_H

#include "ground/os.h"

#include <stdatomic.h>

/* A protection that the program changes back leaves nothing behind; what else it did may. */
enum mark { MARK_PROTECTION, MARK_OTHER, MARKS };

/* The marks that there are; 0 in most processes. */
extern _Atomic size_t marks_count HIDDEN;
static inline bool marks_exist(void) { return unlikely(marks_count != 0); }

/* Marks the pages of [from, end), multiples of a page; false: no memory for a table. */
bool marks_set(uintptr_t from, uintptr_t end, enum mark mark);
void marks_clear(uintptr_t from, uintptr_t end, enum mark mark);

/* The first page of [from, end) that is marked, or (`marked` false) that is not; `end`: none. */
uintptr_t marks_next(uintptr_t from, uintptr_t end, bool marked);

/* Whether a page is marked that lies wholly in [address, address + size). */
bool marks_any(const void *address, size_t size);
static inline bool marks_in(const void *address, size_t size) {
	return marks_exist() && marks_any(address, size);
}

/* Maps anew the marked pages that lie wholly in a range which nobody has any more. False: the kernel
 * refuses, and the rest of them still have their marks; they must never be used again. */
bool marks_map_anew(void *address, size_t size, enum advice advice);
static inline bool marks_renew(void *address, size_t size, enum advice advice) {
	return !marks_exist() || marks_map_anew(address, size, advice);
}

/* Gives access to the marked pages that lie wholly in a range, as far as the kernel does. */
void marks_open(void *address, size_t size);

#endif

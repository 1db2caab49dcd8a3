/* altered.h (level 2): which pages of blocks the program has done something lasting to: taken access away, forbidden
 * to copy them to a child, locked them, put another mapping over them. Such a page is mapped anew before
 * anybody else gets it. Pages are ours, 4 KB; any thread, without a lock, also in a signal handler.
 *
 * L1. A page is noted before the kernel changes it, and its note goes after it was mapped anew. So at any
 *     instant, that of a fork too, a page that is not as we mapped it has a note.
 * L2. Pages that nobody has are as we mapped them, unless the program touched what is not its own.
 * L3. Tables are made when something is noted, and stay; taking a note away needs no memory.
 */
#ifndef ALTERED_H
#define ALTERED_H

#include "ground/os.h"

#include <stdatomic.h>

/* A protection that the program changes back leaves nothing behind; what else it did may. */
enum alteration { ALTERED_PROTECTION, ALTERED_OTHER, ALTERATIONS };

/* The notes that there are; 0 in most processes. */
extern _Atomic size_t altered_count HIDDEN;
static inline bool altered_exist(void) { return unlikely(altered_count != 0); }

/* Notes the pages of [from, end), multiples of a page; false: no memory for a table. */
bool altered_set(uintptr_t from, uintptr_t end, enum alteration note);
void altered_clear(uintptr_t from, uintptr_t end, enum alteration note);

/* The first page of [from, end) that is noted, or (`noted` false) that is not; `end`: none. */
uintptr_t altered_next(uintptr_t from, uintptr_t end, bool noted);

/* Whether a page is noted that lies wholly in [address, address + size). */
bool altered_any(const void *address, size_t size);
static inline bool altered_in(const void *address, size_t size) {
	return altered_exist() && altered_any(address, size);
}

/* Maps anew the noted pages that lie wholly in a range which nobody has any more. False: the kernel
 * refuses, and the rest of them still have their notes; they must never be used again. */
bool altered_map_anew(void *address, size_t size, enum advice advice);
static inline bool altered_renew(void *address, size_t size, enum advice advice) {
	return !altered_exist() || altered_map_anew(address, size, advice);
}

/* Gives access to the noted pages that lie wholly in a range, as far as the kernel does. */
void altered_open(void *address, size_t size);

#endif

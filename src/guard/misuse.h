/* misuse.h (level 6): whether a pointer is a live block, and the sentence for one that is not. */
#ifndef MISUSE_H
#define MISUSE_H

#include "ground/base.h"

/* The usable bytes of the live block that starts at a pointer, or 0. A slot that lies in a cache or
 * a depot counts as live if its mark was written over. Takes no lock. */
size_t live_size(const void *pointer);

/* Says what the pointer that was handed to `call` is, and aborts. Call it without a lock. */
_Noreturn COLD void misuse(const char *call, const void *pointer);

/* The same for a pointer that was freed as a slot of a class and found wrong when it was put into
 * its slab. */
_Noreturn COLD void misuse_of_slot(const void *pointer, unsigned class);

/* Says so and aborts if a live block, which operator new made without an alignment, was not asked for
 * with so many bytes. */
COLD void misuse_of_size(const void *block, size_t size);

#endif

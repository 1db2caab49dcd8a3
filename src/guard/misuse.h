/* misuse.h (rank 5): whether a pointer is a live block, and the sentence for one that is not. */
#ifndef MISUSE_H
#define MISUSE_H

#include "ground/base.h"

/* The usable bytes of the live block that starts at a pointer, or 0. A slot that lies in a thread's
 * cache still counts as live. No lock. */
size_t live_size(const void *pointer);

/* Says what the pointer that was handed to `call` is, and aborts. Hold no lock. */
_Noreturn COLD void misuse(const char *call, const void *pointer);

/* The same for a pointer that was freed as a slot of a class, and found wrong when it went back to its slab.
 */
_Noreturn COLD void misuse_of_slot(const void *pointer, unsigned class);

#endif

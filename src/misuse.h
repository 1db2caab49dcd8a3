/* misuse.h (rank 6): the sentence for a pointer that was no live block. */
#ifndef MISUSE_H
#define MISUSE_H

#include "base.h"

/* Says what the pointer that was handed to `call` is, and aborts. Hold no lock. */
_Noreturn COLD void misuse(const char *call, const void *pointer);

/* The same for a pointer that was freed as a slot of a class, and found wrong when it went back to its slab.
 */
_Noreturn COLD void misuse_of_slot(const void *pointer, unsigned class);

#endif

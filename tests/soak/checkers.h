/* checkers.h: the engine's own checkers, for a soak that is linked with the engine. */
#ifndef TESTS_SOAK_CHECKERS_H
#define TESTS_SOAK_CHECKERS_H

#include <stddef.h>

/* NULL when chunks and central lists hold, else what does not. Absent (NULL itself) where the heap is preloaded. */
__attribute__((weak)) const char *heap_fault(char *text, size_t size);

#endif

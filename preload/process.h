/* process.h: nobody calls process.c. A file that includes this header refers to it, so that the
 * linker takes process.c from the static library together with that file. */
#ifndef PROCESS_H
#define PROCESS_H

#include "ground/base.h"

extern const char process_linked HIDDEN;
static const char *const process_wanted __attribute__((used)) = &process_linked;

#endif

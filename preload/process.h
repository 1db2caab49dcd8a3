/* process.h: nobody calls process.c; this has the linker take it from the static library, together with
 * any file that includes it. */
#ifndef PROCESS_H
#define PROCESS_H

#include "ground/base.h"

extern const char process_linked HIDDEN;
static const char *const process_wanted __attribute__((used)) = &process_linked;

#endif

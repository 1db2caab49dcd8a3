/* export.h: what makes a function visible outside the library; exports.map says it again, name by name. */
#ifndef EXPORT_H
#define EXPORT_H

#include "../src/base.h"

#define EXPORT __attribute__((visibility("default")))

/* Nobody calls process.c: this has the linker take it from the static library, together with any other file. */
extern const char process_linked HIDDEN;
static const char *const process_wanted __attribute__((used)) = &process_linked;

#endif

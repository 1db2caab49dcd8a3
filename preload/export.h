/* export.h: what makes a function visible outside the library; exports.map says it again, name by name. */
#ifndef EXPORT_H
#define EXPORT_H

#define EXPORT __attribute__((visibility("default")))

#endif

/* export.h: makes a function visible outside the library. exports.map lists the same functions by
 * name. */
#ifndef EXPORT_H
#define EXPORT_H

#define EXPORT __attribute__((visibility("default")))

#endif

/* checkers.c: see checkers.h. */
#include "checkers.h"

#include "back/chunk.h"
#include "middle/central.h"

#include <stdio.h>

const char *heap_fault(char *text, size_t size) {
	lock_take(&chunk_lock);
	int broken = chunk_check();
	lock_release(&chunk_lock);
	if (broken) {
		snprintf(text, size, "chunk_check: %d", broken);
		return text;
	}
	if (!pool_check())
		return "pool_check";
	for (unsigned class = 1; class < CLASSES; class ++)
		if (!central_check(class)) {
			snprintf(text, size, "central_check of class %u", class);
			return text;
		}
	return NULL;
}

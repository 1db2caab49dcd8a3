/* wrong.h: what a flush or a trim notes of wrong pointers, as its answer. */
#ifndef WRONG_H
#define WRONG_H

#include "middle/central.h"

static inline struct wrong take_wrong(void) {
	struct wrong wrong = central_wrong;
	central_wrong = (struct wrong){.slot = NULL};
	return wrong;
}

static inline struct wrong flush_slots(unsigned class, void *const *slots, unsigned n) {
	central_flush(class, slots, n);
	return take_wrong();
}

#endif

/* pool_state.h (level 3): what pool.c and its checker know of all runs. Nobody else includes it. */
#ifndef POOL_STATE_H
#define POOL_STATE_H

#include "back/pool.h"

enum {
	LENGTHS = 64,  /* lists: of runs of 1, 2, … 62 chunks, and of longer ones */
	RUN_MAX = 512, /* chunks: a longer run is unmapped when it is put back */
};

struct pool {
	struct list lengths[LENGTHS]; /* [n]: of runs of n chunks; the last: of all longer ones */
	uint64_t mask;                /* bit n: the list of length n is not empty */
	struct list newest;           /* all runs, in the order in which they were put back */
	size_t nruns, npages, ndirty;
	bool ready;
};

/* For the checker. */
const struct pool *pool_state(void);

#endif

/* config.h (rank 1): what BUDDYMALLOC_CONF can change: "option:value,option:value".
 *
 *	stats:1        print an account of the heap on stderr at exit (slower: every call is counted)
 *	stats:PID      the same for the process of that number alone
 *	huge_pages:0   never ask the kernel for huge pages
 *	debug:1        blocks between redzones, and the stacks of their calls in the sentence on a misuse (much slower)
 *	mode:hardened  every misuse found at the call, at a cost; mode:normal is the default
 *	hold:PERCENT   free memory kept for reuse, in percent of the live memory (0 … 1000; default 6)
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "ground/base.h"

struct config {
	size_t stats; /* 0, 1 or a process */
	bool huge_pages, debug, hardened;
	size_t hold; /* percent */
};

extern struct config config;

/* Reads the text of the variable (NULL: nothing set). What it does not know is named once on stderr and
 * ignored. To be called once, before the program has threads. */
void config_read(const char *text);

#endif

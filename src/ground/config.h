/* config.h (level 1): what BUDDYMALLOC_CONF can change: "option:value,option:value".
 *
 *	stats:1        print an account of the heap on stderr at exit (slower: every call is counted)
 *	stats:PID      the same for the process of that number alone
 *	huge_pages:0   never ask the kernel for huge pages
 *	debug:1        blocks between redzones, and the stacks of their calls in the sentence on a misuse
 *	               (slower than mode:hardened)
 *	mode:hardened  blocks between a header and a canary, zeroed and held in quarantine when freed
 *	               (slower: docs/security.md has the figures); mode:normal is the default
 *	deepbind:1     libraries opened with RTLD_DEEPBIND keep the flag (preload/dlopen.c)
 *	hold:PERCENT   free memory kept for reuse beyond the base (reclaim.h), in percent of the
 *	               live memory (0 … 1000; default 6)
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "ground/base.h"

struct config {
	size_t stats; /* 0, 1 or the number of a process */
	bool huge_pages, debug, hardened, deepbind;
	size_t hold; /* percent */
};

extern struct config config;

/* Reads the text of the variable (NULL: it is not set). An option that it does not know is named on
 * stderr and ignored. To be called once, before the program has threads. */
void config_read(const char *text);

#endif

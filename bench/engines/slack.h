/* slack.h: the ledger of internal fragmentation, kept only when BENCH_SLACK=1. The shim's lock guards it. */
#ifndef SLACK_H
#define SLACK_H

#include "ground/base.h"

extern bool slack_counting;

void slack_start(void);
void slack_take(const void *block, size_t asked, size_t given);
void slack_put(const void *block); /* a block from before slack_start is passed over */

/* Writes "slack: asked A bytes, given B bytes", the peaks of what was live, on the stderr of slack_start:
 * programs that check their output close their own before the end. */
void slack_print(void);

#endif

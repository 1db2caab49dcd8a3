/* buddymalloc.h: what libbuddymalloc offers beside the names of libc.
 *
 * A program that runs on the library by LD_PRELOAD alone, and is not linked with it, declares the
 * function weak and asks whether it is there:
 *
 *	#pragma weak bm_stats_print
 *	if (bm_stats_print)
 *		bm_stats_print(STDERR_FILENO, BM_STATS_TEXT);
 */
#ifndef BUDDYMALLOC_H
#define BUDDYMALLOC_H

#ifdef __cplusplus
extern "C" {
#endif

/* BM_STATS_TEXT: lines that begin with "libbuddymalloc: ", in KB of 1024 bytes, for people; the
 * lines may change.
 *
 * BM_STATS_JSON: one line, in bytes:
 *
 *	{"resident":N,"absent":N,"rows":{"live_slots":N,"live_spans":N,"live_large":N,…}}
 *
 * "resident" is the anonymous memory of the whole process that is resident: its data, its stacks
 * and the heap; 0 without /proc. The rows are the heap's memory that is mapped and may hold data,
 * each byte in one of them; README.md says what each row is. A later version may add rows. A live
 * block counts whole; "absent" is what of the rows is not resident. So the sum of the rows less
 * "absent" is what is resident of the heap, but for some 40 KB of the library's own variables.
 */
enum bm_stats_format { BM_STATS_TEXT, BM_STATS_JSON };

/* Writes the account of this process's heap to the file descriptor fd, by write(2) until all of it
 * is written. Allocates nothing, and needs 8 KB of stack.
 *
 * Any thread, at any time, but not in a signal handler: it takes locks of the heap while it counts.
 * It holds none while it writes. It asks the kernel which pages are there, a call for each 2 MB
 * of small blocks: some 20 us each. The figures are exact while no other thread allocates or frees;
 * otherwise what is being moved at that instant may count in the wrong row.
 *
 * Returns 0; or -1 with errno: EINVAL for another format (nothing is written), else as write(2) has
 * it (then a part may be written). A pipe that nobody reads raises SIGPIPE. It is no cancellation
 * point: a thread is cancelled after it.
 */
int bm_stats_print(int fd, enum bm_stats_format format);

#ifdef __cplusplus
}
#endif

#endif

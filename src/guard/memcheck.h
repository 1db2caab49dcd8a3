/* memcheck.h (level 1): what Valgrind's memcheck is told about our blocks, by client requests: some
 * instructions that do nothing outside Valgrind. Without Valgrind's header at build time there are
 * none. */
#ifndef MEMCHECK_H
#define MEMCHECK_H

#include "ground/base.h"

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#define HAVE_MEMCHECK 1
#endif
#endif

#ifdef HAVE_MEMCHECK
#include <valgrind/memcheck.h>
#define MEMCHECK(request) (void)(request)
#else
#define VALGRIND_GET_VBITS(bytes, bits, size) 0
#define MEMCHECK(request)                     ((void)0)
#endif

/* Other tools of Valgrind do not answer the request. */
static inline bool memcheck_runs(void) {
	char byte = 0, bits;
	(void)byte, (void)bits;
	return VALGRIND_GET_VBITS(&byte, &bits, 1) == 1;
}

/* Says of bytes that we are about to write them; that nobody may touch them; that we are about to
 * read them. */
static inline void memcheck_open(void *bytes, size_t size) {
	(void)bytes, (void)size;
	MEMCHECK(VALGRIND_MAKE_MEM_UNDEFINED(bytes, size));
}
static inline void memcheck_close(void *bytes, size_t size) {
	(void)bytes, (void)size;
	MEMCHECK(VALGRIND_MAKE_MEM_NOACCESS(bytes, size));
}
static inline void memcheck_read(void *bytes, size_t size) {
	(void)bytes, (void)size;
	MEMCHECK(VALGRIND_MAKE_MEM_DEFINED(bytes, size));
}

/* Says that a block is live, with `redzone` bytes before and behind it that nobody may touch; that
 * it is freed (memcheck reports an error when it is not live). */
static inline void memcheck_taken(void *block, size_t size, size_t redzone) {
	(void)block, (void)size, (void)redzone;
	MEMCHECK(({ VALGRIND_MALLOCLIKE_BLOCK(block, size, redzone, 0); }));
}
static inline void memcheck_freed(void *block, size_t redzone) {
	(void)block, (void)redzone;
	MEMCHECK(({ VALGRIND_FREELIKE_BLOCK(block, redzone); }));
}

/* Has memcheck print a sentence and the stack of the call. */
static inline void memcheck_say(const char *sentence, const void *block) {
	(void)sentence, (void)block;
	MEMCHECK(VALGRIND_PRINTF_BACKTRACE("libbuddymalloc: %s (%p)\n", sentence, block));
}

#endif

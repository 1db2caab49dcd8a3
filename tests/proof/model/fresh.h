/* fresh.h: makes the engine as it is in a new process: its variables (state.ld) are put back, and what it
 * mapped for its records is unmapped. All blocks have been returned and trimmed, and all threads that allocated have
 * ended. To be linked with --wrap for os_map_fenced and os_unmap_fenced. */
#ifndef TESTS_FRESH_H
#define TESTS_FRESH_H

#include "ground/os.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { MAPPED_MAX = 4096 };

extern char engine_state_start[], engine_state_end[];

static struct {
	void *at;
	size_t size;
} mapped[MAPPED_MAX];
static size_t nmapped;

/* ThreadSanitizer is not told in what order these are called; in tests/proof/interleavings they are not shared. */
#define UNWATCHED __attribute__((no_sanitize("thread")))

void *__real_os_map_fenced(size_t size);
void *__wrap_os_map_fenced(size_t size);
UNWATCHED void *__wrap_os_map_fenced(size_t size) {
	void *at = __real_os_map_fenced(size);
	if (at && nmapped == MAPPED_MAX)
		abort();
	if (at) {
		mapped[nmapped].at = at;
		mapped[nmapped++].size = size;
	}
	return at;
}

void __real_os_unmap_fenced(void *address, size_t size);
void __wrap_os_unmap_fenced(void *address, size_t size);
UNWATCHED void __wrap_os_unmap_fenced(void *address, size_t size) {
	size_t i = nmapped;
	while (mapped[--i].at != address)
		continue;
	mapped[i] = mapped[--nmapped];
	__real_os_unmap_fenced(address, size);
}

/* Word by word: between the variables lie the red zones of AddressSanitizer, where memcpy may not go. */
UNWATCHED __attribute__((no_sanitize("address"))) static inline void copy_state(uint64_t *to,
                                                                                const uint64_t *from) {
	size_t nwords = (size_t)(engine_state_end - engine_state_start) / sizeof *to;
	for (size_t i = 0; i < nwords; i++)
		((volatile uint64_t *)to)[i] = from[i];
}

UNWATCHED static inline void make_fresh(void) {
	static uint64_t *initial;
	uint64_t *state = (uint64_t *)(void *)engine_state_start;
	if (!initial) {
		initial = malloc((size_t)(engine_state_end - engine_state_start));
		if (!initial)
			abort();
		copy_state(initial, state);
		return;
	}
	copy_state(state, initial);
	while (nmapped)
		nmapped--, __real_os_unmap_fenced(mapped[nmapped].at, mapped[nmapped].size);
}

#endif

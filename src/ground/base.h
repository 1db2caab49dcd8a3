/* base.h (level 0): the words every file speaks: geometry, arithmetic, asserts, texts, and one
 * line on stderr.
 *
 * A page here is the heap's unit, 4 KiB on every machine; the kernel's own page size is
 * os_page_size().
 */
#ifndef BASE_H
#define BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#ifndef BM_DEBUG
#define BM_DEBUG 0
#endif

enum {
	QUANTUM_SHIFT = 4, /* blocks are multiples of 16 bytes, and so are their addresses */
	QUANTUM = 1 << QUANTUM_SHIFT,
	PAGE_SHIFT = 12,
	CHUNK_SHIFT = 21,
	CHUNK_PAGES = 1 << (CHUNK_SHIFT - PAGE_SHIFT),
	CHUNK_ORDER = CHUNK_SHIFT - PAGE_SHIFT,
	CACHE_LINE = 64,
};
#define PAGE_SIZE  ((size_t)1 << PAGE_SHIFT)
#define CHUNK_SIZE ((size_t)1 << CHUNK_SHIFT)

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define COLD        __attribute__((noinline, cold))
/* For the declaration of a variable that the fast path reads: -fvisibility covers definitions only,
 * so that without this the variable would be read through the global offset table. */
#define HIDDEN     __attribute__((visibility("hidden")))
#define HIDDEN_TLS static _Thread_local __attribute__((tls_model("initial-exec")))

#define CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* For bugs of our own: aborts in debug builds only. Release builds compile it and drop it. */
#define ASSERT(holds)                                                                                        \
	do {                                                                                                 \
		if (BM_DEBUG && unlikely(!(holds)))                                                          \
			die("%s:%z: assertion failed: %s", __FILE__, (size_t)__LINE__, #holds);              \
	} while (0)

/* `align` is a power of two. */
static inline size_t align_up(size_t value, size_t align) { return (value + align - 1) & ~(align - 1); }
static inline bool is_power_of_two(size_t value) { return value != 0 && (value & (value - 1)) == 0; }
static inline size_t min_size(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t max_size(size_t a, size_t b) { return a > b ? a : b; }
static inline size_t bytes_to_pages(size_t size) { return (size + PAGE_SIZE - 1) >> PAGE_SHIFT; }

/* The bits that are set: in pairs, in fours, in bytes, and the sum of the bytes. Without a processor that
 * is known to count them, the compiler's own is a call into its library. */
static inline unsigned count_bits(uint64_t bits) {
	const uint64_t twos = 0x5555555555555555, fours = 0x3333333333333333, bytes = 0x0f0f0f0f0f0f0f0f;
	bits -= bits >> 1 & twos;
	bits = (bits & fours) + (bits >> 2 & fours);
	return (unsigned)(((bits + (bits >> 4)) & bytes) * 0x0101010101010101 >> 56);
}

/* The smallest order with 2^order >= value; value 5 gives 3. */
static inline unsigned ceil_log2(size_t value) {
	return value <= 1 ? 0 : 64 - (unsigned)__builtin_clzl(value - 1);
}

/* A text that is made without allocating: what does not fit into `room` bytes is left out. */
struct text {
	char *bytes;
	size_t room, length;
};

/* Adds to a text. The format knows %s (string), %z (size_t), %p (pointer). */
void text_add(struct text *text, const char *format, ...);

/* Prints "libbuddymalloc: ", the text and a newline on stderr by one write(2), without allocating.
 * The format is that of text_add. errno is kept. Like all that the library calls it is no
 * cancellation point: a thread with a cancel pending would leave free in the middle of a misuse, and
 * go on. So what libc would cancel is called by number. */
void say(const char *format, ...);
/* The same, then abort(). Hold no lock of ours: a SIGABRT handler may allocate. */
#define die(...) (say(__VA_ARGS__), abort())

#endif

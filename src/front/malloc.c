/* malloc.c (level 8): see malloc.h. */
#include "front/malloc.h"

#include "back/chunk.h"
#include "back/large.h"
#include "ground/config.h"
#include "ground/os.h"
#include "guard/misuse.h"
#include "guard/watch.h"
#include "middle/slab.h"
#include "policy/reclaim.h"

#include <errno.h>
#include <string.h>

enum {
	MEDIUM_MAX = CHUNK_PAGES * PAGE_SIZE, /* a larger block has chunks of its own */
	SHRINK_IN_PLACE = 2,                  /* a slot is kept until the request falls below 1/2 of it */
};

/* No object may be larger than PTRDIFF_MAX, not even after rounding. */
#define SIZE_MAX_REQUEST ((size_t)PTRDIFF_MAX - CHUNK_SIZE)

static _Atomic size_t ncalls, asked_bytes, given_bytes;

void calls_count(size_t asked, size_t given) {
	atomic_fetch_add_explicit(&ncalls, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&asked_bytes, asked, memory_order_relaxed);
	atomic_fetch_add_explicit(&given_bytes, given, memory_order_relaxed);
}

struct calls calls_counted(void) {
	return (struct calls){ncalls, asked_bytes, given_bytes};
}

static void *no_memory(void) {
	errno = ENOMEM;
	return NULL;
}

static void stop_if_wrong(void) {
	struct wrong wrong = central_wrong;
	if (likely(!wrong.class))
		return;
	central_wrong.class = 0; /* a handler of SIGABRT may allocate */
	misuse_of_slot(wrong.slot, wrong.class);
}

/* ---- taking ---- */

/* Takes a block over SMALL_MAX, or one whose alignment no slot has. *dirty: so many of its first
 * bytes may not be zero. */
static void *take_span_or_large(size_t size, size_t align, size_t *dirty) {
	size_t npages = max_size(bytes_to_pages(size), 1);
	if (size > MEDIUM_MAX || align > MEDIUM_MAX)
		return large_take(size, align, dirty);
	struct span span = chunk_take((unsigned)npages, align > PAGE_SIZE ? ceil_log2(align / PAGE_SIZE) : 0);
	*dirty = span.clean ? 0 : size;
	return span.base;
}

/* `room`: a block with a frame may grow to so many bytes in place, if there is memory for that. */
static void *take_once(size_t size, size_t room, size_t align, size_t *dirty, enum family family) {
	if (unlikely(size >> ADDRESS_BITS))
		return NULL;
	*dirty = size;
	if (unlikely(guard_on)) {
		*dirty = guard_zeroes() ? 0 : size;
		void *block = guard_take(size, room, align, family);
		return block || room == size ? block : guard_take(size, size, align, family);
	}
	unsigned class = class_of_aligned(size, align);
	if (!class)
		return take_span_or_large(size, align, dirty);
	cache_tick();
	stop_if_wrong();
	return cache_take(class);
}

/* Whether a trim could make the room for a request that failed: not if the kernel refuses even
 * what would be missing when all that can be free here were given back. What lies in quarantine
 * is not counted there. */
static bool may_help(size_t size, size_t align) {
	size_t most = align + (chunk_count().chunks + 1) * CHUNK_SIZE + pool_count().npages * PAGE_SIZE;
	if (size >> ADDRESS_BITS)
		return false;
	return guard_on || size <= most || os_has_room(size - most);
}

static COLD void *take(size_t size, size_t room, size_t align, size_t *dirty, enum family family) {
	if (size > SIZE_MAX_REQUEST || align > SIZE_MAX_REQUEST - size)
		return no_memory();
	int saved = errno;
	void *block = take_once(size, room, align, dirty, family);
	if (unlikely(!block) && may_help(size, align) && trim())
		block = take_once(size, room, align, dirty, family);
	reclaim(size >> PAGE_SHIFT);
	errno = saved;
	if (unlikely(!block))
		return no_memory();
	if (unlikely(config.stats))
		calls_count(size, usable_size(block));
	return block;
}

void *allocate_slow(size_t size, enum family family) {
	size_t dirty;
	return take(size, size, QUANTUM, &dirty, family);
}

void *allocate_aligned_by(size_t align, size_t size, enum family family) {
	size_t dirty;
	if (align <= QUANTUM)
		return allocate_by(size, family);
	size = max_size(size, 1);
	void *slot = cache_take_fast(thread_cache, class_of_aligned(size, align));
	return likely(slot) ? slot : take(size, size, align, &dirty, family);
}

void *allocate_zeroed(size_t n, size_t size) {
	size_t total, dirty;
	if (__builtin_mul_overflow(n, size, &total))
		return no_memory();
	dirty = total;
	void *block = total <= SMALL_MAX ? allocate(total) : take(total, total, QUANTUM, &dirty, BY_MALLOC);
	dirty = min_size(total, dirty);
	return unlikely(!block)              ? NULL
	       : likely(dirty <= CHUNK_SIZE) ? memset(block, 0, dirty)
	                                     : os_zero(block, dirty);
}

/* ---- giving ---- */

static void release_pages(void *block) {
	struct owner *owner = pagemap_owner(block);
	bool live = false;
	if (owner && owner->kind == OWNER_CHUNK)
		live = chunk_put((struct chunk *)owner, block, UINT16_MAX);
	else if (owner && owner->kind == OWNER_LARGE)
		live = large_put((struct run *)owner, block);
	if (unlikely(!live))
		misuse("free", block);
}

void release_slow(void *block, enum family family, size_t size) {
	/* what cannot be mapped anew is never used again */
	bool kept = altered_exist() && !watch_renew(block, live_size(block));
	if (!block || kept)
		return;
	int saved = errno;
	const struct slab *slab = chunk_slab_of(block);
	if (unlikely(guard_on))
		guard_put(block, family, size);
	else if (slab)
		cache_put(slab->class, block);
	else
		release_pages(block);
	stop_if_wrong();
	reclaim(0);
	errno = saved;
}

void release_far(void *block, enum family family, size_t size) {
	if (unlikely((uintptr_t)block % QUANTUM ||
	             !cache_put_fast(thread_cache, pagemap_class(block), block)))
		release_slow(block, family, size);
}

void release_sized_slow(void *block, enum family family, size_t size) {
	if (!guard_on)
		misuse_of_size(block, size);
	release_by(block, family, size);
}

bool trim(void) {
	bool any = guard_on && guard_trim();
	if (likely(!guard_on))
		cache_flush_all();
	any |= central_trim();
	stop_if_wrong();
	return chunk_trim() || any;
}

/* ---- asking and changing ---- */

/* The size of a live block; a pointer to none is misuse by `call`. */
static size_t block_size(const void *block, const char *call) {
	if (unlikely(guard_on))
		return guard_size(call, block);
	size_t size = live_size(block);
	if (unlikely(!size))
		misuse(call, block);
	return size;
}

size_t usable_size(const void *block) { return block ? block_size(block, "malloc_usable_size") : 0; }

/* Makes a block `size` bytes long without copying, a large one perhaps at another address; NULL
 * when that cannot be done. */
static void *resize_in_place(void *block, size_t old, size_t size) {
	if (unlikely(guard_on))
		return guard_resize(block, size);
	if (old <= SMALL_MAX && chunk_slab_of(block))
		return size <= old && (size >= old / SHRINK_IN_PLACE || old == QUANTUM) ? block : NULL;
	size_t npages = bytes_to_pages(size);
	if (npages << PAGE_SHIFT == old)
		return block;
	if (altered_in(block, old))
		return NULL; /* the pages that it would leave or gain are not as others */
	struct owner *owner = pagemap_owner(block);
	void *resized = NULL;
	if (owner->kind == OWNER_LARGE && size > MEDIUM_MAX)
		resized = large_resize((struct run *)owner, size);
	else if (owner->kind == OWNER_CHUNK && size <= MEDIUM_MAX && size > SMALL_MAX &&
	         chunk_resize((struct chunk *)owner, block, (unsigned)npages))
		resized = block;
	reclaim(npages);
	return resized;
}

static void *move(void *block, size_t old, size_t size) {
	size_t dirty;
	void *moved = unlikely(guard_on) && size > old
	                      ? take(size, size + size / 2, QUANTUM, &dirty, BY_MALLOC)
	                      : allocate(size);
	if (unlikely(!moved))
		return NULL;
	memcpy(moved, block, min_size(old, size));
	release(block);
	return moved;
}

void *reallocate(void *block, size_t size) {
	if (!block)
		return allocate(size);
	size_t old = block_size(block, "realloc");
	if (!size) {
		release(block);
		return NULL;
	}
	if (size > SIZE_MAX_REQUEST)
		return no_memory();
	void *resized = resize_in_place(block, old, size);
	int saved = errno;
	if (!resized)
		resized = move(block, old, size);
	if (resized || size > old)
		return resized;
	errno = saved; /* a block that cannot shrink still serves */
	return block;
}

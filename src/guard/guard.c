/* guard.c (level 7): see guard.h. */
#include "guard/guard.h"

#include "back/chunk.h"
#include "back/large.h"
#include "ground/config.h"
#include "ground/metadata.h"
#include "ground/os.h"
#include "guard/memcheck.h"
#include "guard/misuse.h"
#include "guard/watch.h"
#include "middle/central.h"
#include "middle/slab.h"

#include <execinfo.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	STACK_DEPTH = 14,
	OWN_DEPTH = 6,              /* calls within the library, which are not kept */
	CANARY_MIN = 8,             /* bytes of canary behind a slot's block; more when debugging: */
	REDZONE = 16,               /* bytes of canary, which memcheck is told of */
	SPAN_MAX = 256,             /* pages of a block that lies in a span */
	QUARANTINE_PAGES = 256,     /* blocks of pages in quarantine, at most */
	QUARANTINE_SLOTS = 4096,    /* slots in quarantine, at most, … */
	QUARANTINE_BYTES = 8 << 20, /* … and the bytes of their blocks */
	FENCED_MAX = 16384,         /* live blocks between guard pages: the kernel allows 65530 mappings */
	PURGE_FROM = 64 * 1024,     /* bytes that the kernel zeroes faster than we */
};

/* The calls that took and freed a block, with debug:1. */
struct stacks {
	void *taken[STACK_DEPTH], *freed[STACK_DEPTH];
};

/* Ends where the block begins. */
struct header {
	struct stacks *stacks; /* only with debug:1 does the header have this word */
	uint64_t what;         /* the size, the family << 48, the state << 56 */
	uint64_t seal;
};
enum state { LIVE = 1, FREED };

/* The memory that a block has to itself. */
struct frame {
	char *base;
	size_t size;
	unsigned class;      /* of the slot; 0: pages */
	struct owner *owner; /* the chunk or large block that holds it */
};

struct quarantined {
	void *block; /* NULL: none */
	size_t size, frame_size;
	struct stacks *stacks;
};

bool guard_on;

static struct {
	bool memcheck, early;
	size_t front, canary; /* bytes of header, bytes of canary at least */
	unsigned char canary_byte;
	uint64_t key, sequence_key;
	_Atomic uint64_t drawn;
	_Atomic size_t fenced; /* blocks of pages, live or in quarantine, in hardened mode */
} guard;

static struct {
	struct quarantined blocks[QUARANTINE_PAGES + QUARANTINE_SLOTS]; /* blocks of pages, then slots */
	unsigned next;
	_Atomic size_t slot_bytes;
} quarantine;
struct lock guard_lock = LOCK_INITIAL(RANK_GUARD);

/* ---- random numbers ---- */

/* The finaliser of splitmix64. Source: Steele, Lea and Flood, "Fast splittable pseudorandom number
 * generators", 2014. */
static uint64_t mix(uint64_t x) {
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static uint64_t draw(void) {
	uint64_t n = atomic_fetch_add_explicit(&guard.drawn, 1, memory_order_relaxed);
	return mix(guard.sequence_key + n * 0x9e3779b97f4a7c15);
}

/* ---- misuse, with the stacks ---- */

/* Where this library begins and its code ends: by the linker. */
extern const char __ehdr_start[] HIDDEN, etext[] HIDDEN;

/* Set while a thread walks its stack: blocks that backtrace allocates get no stacks. */
HIDDEN_TLS bool walking;

static bool is_ours(const void *code) {
	return (const char *)code >= __ehdr_start && (const char *)code < etext;
}

/* The calls that led into the library. */
static void note_stack(void **frames) {
	void *walked[STACK_DEPTH + OWN_DEPTH];
	if (walking)
		return;
	walking = true;
	int n = backtrace(walked, STACK_DEPTH + OWN_DEPTH), own = 0;
	walking = false;
	while (own < n && is_ours(walked[own]))
		own++;
	for (int i = 0; i < STACK_DEPTH && own + i < n; i++)
		frames[i] = walked[own + i];
}

static void tell_stack(const char *what, void *const *frames) {
	int n = 0;
	while (n < STACK_DEPTH && frames[n])
		n++;
	if (!n)
		return;
	say("%s", what);
	backtrace_symbols_fd(frames, n, STDERR_FILENO);
}

/* What glibc prints a stack with is a cancellation point, which must not take effect; and the process
 * ends here. */
static void tell_stacks(const struct stacks *stacks) {
	void *here[STACK_DEPTH] = {NULL};
	if (!config.debug)
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	note_stack(here);
	tell_stack("this call:", here);
	if (stacks) {
		tell_stack("the block was taken by:", stacks->taken);
		tell_stack("and freed by:", stacks->freed);
	}
}

#define DIE(stacks, ...)                                                                                     \
	do {                                                                                                 \
		say(__VA_ARGS__);                                                                            \
		tell_stacks(stacks);                                                                         \
		abort();                                                                                     \
	} while (0)

/* ---- headers ---- */

static struct header *header_of(void *block) { return (struct header *)block - 1; }

static uint64_t seal_of(const struct header *header) {
	return mix(mix((uintptr_t)header ^ guard.key) ^ header->what);
}

static void set_header(void *block, size_t size, enum family family, enum state state) {
	struct header *header = header_of(block);
	header->what = size | (uint64_t)family << 48 | (uint64_t)state << 56;
	header->seal = seal_of(header);
}

static size_t size_in(const struct header *header) { return header->what & (((uint64_t)1 << 48) - 1); }
static enum family family_in(const struct header *header) { return header->what >> 48 & 0xff; }
static enum state state_in(const struct header *header) { return header->what >> 56; }
static struct stacks *stacks_in(const struct header *header) { return config.debug ? header->stacks : NULL; }

/* ---- frames ---- */

/* The bytes without access at each end of a frame of pages. */
static size_t guard_page(void) { return config.hardened ? os_page_size() : 0; }

static char *frame_end(const struct frame *frame) {
	return frame->base + frame->size - (frame->class ? 0 : guard_page());
}

/* The least bytes of a canary in a slot of the class, or (class 0) in pages. */
static size_t canary_least(unsigned class) { return class || !guard_page() ? guard.canary : 0; }

/* Where the canary of a block ends: with its slot, or with the last page that the block reaches.
 * Behind that its frame may have further pages: left over by the alignment, or room to grow. */
static char *canary_end(const char *block, size_t size, const struct frame *frame) {
	char *end = frame_end(frame), *least = (char *)(uintptr_t)block + size + canary_least(frame->class);
	size_t pages = align_up((uintptr_t)least, os_page_size()) - (uintptr_t)frame->base;
	return frame->class || pages >= (size_t)(end - frame->base) ? end : frame->base + pages;
}

/* The frame that a live or quarantined block at the address would have. */
static bool find_frame(const void *address, struct frame *frame) {
	struct owner *owner = pagemap_owner(address);
	const struct slab *slab = chunk_slab_of(address);
	*frame = (struct frame){.owner = owner};
	if (slab) {
		frame->base = slab_slot_of(slab, address);
		frame->size = slab->size;
		frame->class = slab->class;
		return slab_judge(slab, frame->base) == SLAB_OK;
	}
	if (owner && owner->kind == OWNER_CHUNK) {
		unsigned npages;
		frame->base = chunk_span_around((struct chunk *)owner, address, &npages);
		frame->size = npages * PAGE_SIZE;
		return frame->base != NULL;
	}
	const struct run *large = large_around(address);
	if (!large)
		return false;
	frame->base = large->base;
	frame->size = large->size;
	return true;
}

/* Zeroes [from, end). From 64 KB on the whole pages are purged, which is quicker. */
static void wipe(char *from, char *end) {
	char *first = from + (-(uintptr_t)from & (os_page_size() - 1)),
	     *last = end - (uintptr_t)end % os_page_size();
	if (end - from < PURGE_FROM || !os_purge(first, (size_t)(last - first))) {
		memset(from, 0, (size_t)(end - from));
		return;
	}
	memset(from, 0, (size_t)(first - from));
	memset(last, 0, (size_t)(end - last));
}

static bool take_slot(size_t size, size_t align, struct frame *frame) {
	size_t need = max_size(guard.front, align) + size + guard.canary;
	unsigned class =
	        align <= QUANTUM && need <= SMALL_MAX ? class_of(need) : class_of_aligned(need, align);
	if (!class)
		return false;
	*frame = (struct frame){.class = class, .size = class_size(class)};
	frame->base = central_take_random(class, config.hardened ? draw() : 0);
	return true;
}

/* The bytes of pages that a block needs, with its header, canary, guard pages and alignment. */
static size_t pages_for(size_t size, size_t align) {
	size_t aligning = align > PAGE_SIZE ? align : 0;
	return 2 * guard_page() + guard.front + align_up(size + canary_least(0), align) + aligning;
}

static void take_span(size_t need, struct frame *frame) {
	struct span span = chunk_take((unsigned)bytes_to_pages(need), 0);
	*frame = (struct frame){.base = span.base, .size = align_up(need, PAGE_SIZE)};
	if (span.base && !span.clean && !guard.memcheck)
		wipe(frame->base, frame->base + frame->size);
}

static void take_large(size_t need, struct frame *frame) {
	size_t dirty;
	*frame = (struct frame){.base = large_take(need, PAGE_SIZE, &dirty),
	                        .size = align_up(need, os_page_size())};
	if (frame->base && dirty && !guard.memcheck)
		wipe(frame->base, frame->base + dirty);
}

static char *take_guarded_pages(size_t size, size_t room, size_t align, struct frame *frame) {
	size_t need = pages_for(room, align), page = guard_page();
	bool in_span = need <= SPAN_MAX * PAGE_SIZE && (!page || page == PAGE_SIZE);
	(in_span ? take_span : take_large)(need, frame);
	if (!frame->base)
		return NULL;
	uintptr_t last = (uintptr_t)frame_end(frame) - canary_least(frame->class) - room;
	char *block = frame->base + ((last & ~(align - 1)) - (uintptr_t)frame->base);
	if (page && atomic_fetch_add_explicit(&guard.fenced, 1, memory_order_relaxed) < FENCED_MAX) {
		char *end = canary_end(block, size, frame); /* a refusal leaves no guard pages */
		os_close(frame->base, page);
		os_close(end, (size_t)(frame->base + frame->size - end));
	}
	return block;
}

/* ---- taking ---- */

/* The first byte that is not `value`, or NULL. */
static const char *find_other(const char *at, const char *end, unsigned char value) {
	if (at == end || ((unsigned char)*at == value && memcmp(at, at + 1, (size_t)(end - at) - 1) == 0))
		return NULL; /* memcmp compares each byte with the one before: quicker than the loop below */
	while ((unsigned char)*at == value)
		at++;
	return at;
}

static void expect_zeros(const struct frame *frame) {
	const char *written = find_other(frame->base, frame->base + frame->size, 0);
	if (written)
		DIE(NULL, "malloc(): a free slot of %z bytes was written to, at its byte %z (%p)",
		    frame->size, (size_t)(written - frame->base), written);
}

static void tell_taken(void *block, size_t size, const struct frame *frame) {
	memcheck_close(frame->base, frame->size);
	memcheck_taken(block, size, REDZONE);
}

bool guard_zeroes(void) { return !guard.memcheck; }

void *guard_take(size_t size, size_t room, size_t align, enum family family) {
	struct frame frame;
	char *block;
	align = max_size(align, QUANTUM);
	if (take_slot(size, align, &frame))
		block = frame.base ? frame.base + max_size(guard.front, align) : NULL;
	else
		block = take_guarded_pages(size, room, align, &frame);
	if (!block)
		return NULL;
	if (guard.memcheck)
		memcheck_open(frame.base, frame.size);
	else if (frame.class)
		expect_zeros(&frame);
	set_header(block, size, family, LIVE);
	memset(block + size, guard.canary_byte, (size_t)(canary_end(block, size, &frame) - (block + size)));
	if (config.debug) {
		struct stacks *stacks = header_of(block)->stacks = metadata_take(sizeof *stacks);
		if (stacks) {
			*stacks = (struct stacks){.taken = {NULL}};
			note_stack(stacks->taken);
		}
	}
	if (guard.memcheck)
		tell_taken(block, size, &frame);
	return block;
}

/* ---- judging ---- */

/* The quarantine's entry of a block of pages, whose header may have no access; an entry without a
 * block when it is not there. */
static struct quarantined find_quarantined(const void *block) {
	struct quarantined found = {.block = NULL};
	lock_take(&guard_lock);
	for (unsigned i = 0; i < QUARANTINE_PAGES && !found.block; i++)
		if (quarantine.blocks[i].block == block)
			found = quarantine.blocks[i];
	lock_release(&guard_lock);
	return found;
}

/* The header in a frame, found by its seal, or NULL. */
static struct header *find_header(const struct frame *frame) {
	char *from = frame->base + (frame->class ? 0 : guard_page());
	for (char *at = from + guard.front; at <= frame_end(frame); at += QUANTUM) {
		memcheck_read(at - guard.front, guard.front);
		if (header_of(at)->seal == seal_of(header_of(at)))
			return header_of(at);
	}
	return NULL;
}

/* Says what is wrong with a pointer into a frame that is no live block's start. */
static _Noreturn void die_in_frame(const char *call, const char *pointer, const struct frame *frame) {
	const struct header *header = find_header(frame);
	if (!header)
		DIE(NULL, "%s(%p): written before its start: a block in %z bytes at %p", call, pointer,
		    frame->size, frame->base);
	const char *block = (const char *)(header + 1);
	if (state_in(header) == FREED)
		DIE(stacks_in(header), "%s(%p): already free: a block of %z bytes at %p", call, pointer,
		    size_in(header), block);
	if (pointer > block && pointer < block + size_in(header))
		DIE(stacks_in(header), "%s(%p): inside a block of %z bytes, %z bytes after its start", call,
		    pointer, size_in(header), (size_t)(pointer - block));
	DIE(stacks_in(header), "%s(%p): beside a block of %z bytes at %p", call, pointer, size_in(header),
	    block);
}

/* Whether a pointer is a whole block from before guard_begin. */
static bool is_early(const void *block, const struct frame *frame) {
	return guard.early && block == frame->base && !find_header(frame);
}

/* Whether the frame has room for a header before the pointer. */
static bool has_room(const char *block, const struct frame *frame) {
	char *from = frame->base + (frame->class ? 0 : guard_page());
	return block >= from + guard.front && block <= frame_end(frame) && (uintptr_t)block % QUANTUM == 0;
}

/* The header of the live block that starts at the pointer, and its frame; or NULL. */
static struct header *find_live(void *block, struct frame *frame) {
	if (!find_frame(block, frame) || !has_room(block, frame))
		return NULL;
	if (!frame->class && find_quarantined(block).block)
		return NULL;
	memcheck_read((char *)block - guard.front, guard.front);
	struct header *header = header_of(block);
	return header->seal == seal_of(header) && state_in(header) == LIVE ? header : NULL;
}

/* Says what is wrong with a pointer that starts no live block. */
static _Noreturn void die_not_live(const char *call, void *block) {
	struct frame frame;
	if (!find_frame(block, &frame)) {
		tell_stacks(NULL);
		misuse(call, block);
	}
	struct quarantined freed = find_quarantined(block);
	if (freed.block)
		DIE(freed.stacks, "%s(%p): already free: a block of %z bytes", call, block, freed.size);
	die_in_frame(call, block, &frame);
}

static void expect_canary(const char *call, const char *block, const struct header *header,
                          const struct frame *frame) {
	size_t size = size_in(header);
	const char *written = find_other(block + size, canary_end(block, size, frame), guard.canary_byte);
	if (written)
		DIE(stacks_in(header), "%s(%p): written past its end, at byte %z: a block of %z bytes", call,
		    block, (size_t)(written - block), size);
}

size_t guard_size(const char *call, const void *pointer) {
	struct frame frame;
	void *block = (void *)(uintptr_t)pointer;
	struct header *header = find_live(block, &frame);
	if (!header && find_frame(block, &frame) && is_early(block, &frame))
		return live_size(block);
	if (!header)
		die_not_live(call, block);
	size_t size = size_in(header);
	if (guard.memcheck)
		memcheck_close((char *)block - guard.front, guard.front);
	return size;
}

void *guard_resize(void *block, size_t size) {
	struct frame frame;
	struct header *header = find_live(block, &frame);
	if (!header || guard.memcheck)
		return NULL;
	size_t old = size_in(header),
	       room = (size_t)(frame_end(&frame) - (char *)block) - canary_least(frame.class);
	char *was = canary_end(block, old, &frame), *end = canary_end(block, size, &frame);
	if (size > room || size < old / 2 ||
	    end < was) /* pages that hold a canary are dirty, and are not closed again */
		return NULL;
	expect_canary("realloc", block, header, &frame);
	if (end > was && guard_page() && !os_open(was, (size_t)(end - was)))
		return NULL;
	set_header(block, size, family_in(header), LIVE);
	if (size > old)
		memset((char *)block + old, 0, min_size(size, (size_t)(was - (char *)block)) - old);
	memset((char *)block + size, guard.canary_byte, (size_t)(end - ((char *)block + size)));
	return block;
}

void guard_set_family(void *block, enum family family) {
	struct frame frame;
	struct header *header = find_live(block, &frame);
	if (header)
		set_header(block, size_in(header), family, LIVE);
	if (header && guard.memcheck)
		memcheck_close((char *)block - guard.front, guard.front);
}

/* ---- giving ---- */

static void put_frame(struct frame *frame) {
	if (frame->class) {
		void *slot = frame->base;
		central_flush(frame->class, &slot, 1);
		return;
	}
	if (config.hardened) {
		if (!os_open(frame->base, frame->size)) /* the kernel refuses: these pages are lost */
			return;
		atomic_fetch_sub_explicit(&guard.fenced, 1, memory_order_relaxed);
	}
	if (frame->owner->kind == OWNER_CHUNK)
		chunk_put((struct chunk *)frame->owner, frame->base, UINT16_MAX);
	else
		large_put((struct run *)frame->owner, frame->base);
}

static _Noreturn void die_written(const struct quarantined *freed, const char *at) {
	DIE(freed->stacks, "free(): written after it was freed, at %p: a block of %z bytes at %p", at,
	    freed->size, freed->block);
}

/* Dies unless the first `size` bytes of a freed block are zero. */
static void expect_unwritten(const struct quarantined *freed, size_t size) {
	const char *block = freed->block, *written = find_other(block, block + size, 0);
	if (written)
		die_written(freed, written);
}

/* Dies if a freed slot was written to; zeroes its header and canary. */
static void wipe_slot(const struct quarantined *freed, const struct frame *frame) {
	const char *end = (const char *)freed->block + freed->size, *written;
	const struct header *header = header_of(freed->block);
	expect_unwritten(freed, freed->size);
	if (header->seal != seal_of(header))
		die_written(freed, (const char *)header);
	written = find_other(end, frame_end(frame), guard.canary_byte);
	if (written)
		die_written(freed, written);
	memset(frame->base, 0, frame->size);
}

/* Frees a block that leaves the quarantine. */
static void let_go(struct quarantined freed) {
	struct frame frame;
	if (!freed.block || !find_frame(freed.block, &frame))
		return;
	if (guard.memcheck)
		memcheck_close(frame.base, frame.size);
	else if (frame.class)
		wipe_slot(&freed, &frame);
	else if (!config.hardened)
		expect_unwritten(&freed, min_size(freed.size, SPAN_MAX * PAGE_SIZE));
	if (freed.stacks)
		metadata_put(freed.stacks, sizeof *freed.stacks);
	put_frame(&frame);
}

static size_t slot_bytes(const struct quarantined *freed) {
	return freed->block && pagemap_class(freed->block) ? freed->size : 0;
}

/* Puts a block into quarantine in place of another, or (`freed` without a block) takes one out;
 * returns the one that leaves, for let_go. */
static struct quarantined exchange(struct quarantined freed) {
	bool slot = freed.block && pagemap_class(freed.block);
	unsigned from = slot ? QUARANTINE_PAGES : 0, n = slot || !freed.block ? QUARANTINE_SLOTS : 0;
	n += slot ? 0 : QUARANTINE_PAGES;
	lock_take(&guard_lock);
	unsigned at = config.hardened && freed.block ? (unsigned)draw() : quarantine.next++;
	struct quarantined *place = &quarantine.blocks[from + at % n], out = *place;
	*place = freed;
	quarantine.slot_bytes += slot_bytes(&freed) - slot_bytes(&out);
	lock_release(&guard_lock);
	return out;
}

struct guard_totals guard_count(void) {
	struct guard_totals totals = {.slots = 0};
	lock_take(&guard_lock);
	for (unsigned i = 0; guard_on && i < QUARANTINE_PAGES + QUARANTINE_SLOTS; i++) {
		const struct quarantined *at = &quarantine.blocks[i];
		if (i >= QUARANTINE_PAGES)
			totals.slots += at->frame_size;
		else if (!at->block || !large_around(at->block))
			totals.spans += at->frame_size;
		else
			totals.large += at->frame_size, totals.nlarge++;
	}
	lock_release(&guard_lock);
	return totals;
}

bool guard_trim(void) {
	bool any = false;
	for (unsigned i = 0; i < QUARANTINE_PAGES + QUARANTINE_SLOTS; i++) {
		struct quarantined out = exchange((struct quarantined){.block = NULL});
		any |= out.block != NULL;
		let_go(out);
	}
	return any;
}

static void enter_quarantine(void *block, struct header *header, const struct frame *frame) {
	struct quarantined freed = {block, size_in(header), frame->size, stacks_in(header)};
	if (freed.stacks)
		note_stack(freed.stacks->freed);
	if (!watch_renew(frame->base, frame->size))
		return; /* what cannot be mapped anew is never used again */
	set_header(block, freed.size, family_in(header), FREED);
	if (guard.memcheck) {
		memcheck_close((char *)block - guard.front, guard.front);
		memcheck_freed(block, REDZONE);
	} else if (frame->class)
		memset(block, 0, freed.size);
	else if (!os_purge(frame->base, frame->size)) /* then zeroed, but for the guard pages */
		wipe(frame->base + guard_page(), canary_end(block, freed.size, frame));
	if (config.hardened && !frame->class)
		os_close(frame->base, frame->size);
	let_go(exchange(freed));
	while (atomic_load_explicit(&quarantine.slot_bytes, memory_order_relaxed) > QUARANTINE_BYTES)
		let_go(exchange((struct quarantined){.block = NULL}));
}

static const char *const families[] = {"malloc", "operator new", "operator new[]"};
static const char *const freers[] = {"free", "operator delete", "operator delete[]"};

/* A wrong family is common in programs that work, so only memcheck and debug:1 tell of it. */
static void judge_family(void *block, enum family family, const struct header *header) {
	if (family == family_in(header))
		return;
	if (guard.memcheck)
		memcheck_say("freed by another family of functions than it was made by", block);
	else if (config.debug)
		DIE(stacks_in(header), "%s(%p): a block of %z bytes made by %s", freers[family], block,
		    size_in(header), families[family_in(header)]);
}

/* Frees a block from before guard_begin; any other pointer without a live block's header is
 * misuse. */
static void put_other(void *block, enum family family) {
	struct frame frame;
	if (find_frame(block, &frame) && is_early(block, &frame))
		memset(block, 0, live_size(block));
	else if (guard.memcheck)
		memcheck_freed(block, REDZONE); /* it says what is wrong */
	else
		die_not_live(freers[family], block);
}

void guard_put(void *block, enum family family, size_t size) {
	struct frame frame;
	if (altered_exist() && find_frame(block, &frame))
		altered_open(frame.base, frame.size); /* there the header and the canary are to be read */
	struct header *header = find_live(block, &frame);
	if (!header)
		return put_other(block, family);
	judge_family(block, family, header);
	if (size && size != size_in(header))
		DIE(stacks_in(header), "%s(%p): a block of %z bytes, freed as %z bytes", freers[family],
		    block, size_in(header), size);
	if (!guard.memcheck)
		expect_canary(freers[family], block, header, &frame);
	enter_quarantine(block, header, &frame);
}

/* ---- the start ---- */

/* Slots that were freed before guard_begin may hold data: they are taken for good. Free pages are
 * given back, or taken for good where they are part of a kernel's larger one. central_refill makes no
 * slab while its class has free slots. */
static void set_aside_freed(void) {
	void *slots[BATCH_MAX];
	for (unsigned class = 1; class < CLASSES; class ++)
		while (central_count(class).free_slots && central_refill(class, slots, BATCH_MAX))
			continue;
	for (chunk_trim(); chunk_count().dirty_pages && chunk_take(1, 0).base;)
		continue;
}

bool guard_begin(bool early) {
	guard.memcheck = memcheck_runs();
	guard_on = guard.memcheck || config.hardened || config.debug;
	if (!guard_on)
		return false;
	guard.early = early;
	guard.front = config.debug ? 2 * QUANTUM : QUANTUM;
	guard.canary = guard.memcheck || config.debug ? REDZONE : CANARY_MIN;
	guard.key = os_random(), guard.sequence_key = os_random();
	guard.canary_byte = (unsigned char)(guard.key >> 40 | 1);
	if (early)
		set_aside_freed();
	return true;
}

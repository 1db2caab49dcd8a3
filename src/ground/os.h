/* os.h (level 1): all contact with the kernel's memory calls. Sizes in bytes; errno is kept by
 * every function.
 *
 * "No memory" (ENOMEM and its kin) is an answer: NULL or false. Anything else, such as unmapping
 * what was never mapped, is our own bug and an assert.
 */
#ifndef OS_H
#define OS_H

#include "ground/base.h"

/* The kernel's page size, read once. */
size_t os_page_size(void);

/* Maps zeroed private memory; `align` is a power of two, any size of a page or more. NULL: no
 * memory. */
void *os_map_aligned(size_t size, size_t align);
/* The same at an address; NULL also when something lies there. */
void *os_map_at(void *address, size_t size);
bool os_open(void *address, size_t size);

/* Whether the kernel would map so many bytes. */
bool os_has_room(size_t size);

/* Maps zeroed memory for records between two kernel pages without access, so that no write that runs
 * on from a neighbouring mapping gets there; and unmaps it with them. NULL: no memory. */
void *os_map_fenced(size_t size);
void os_unmap_fenced(void *address, size_t size);

/* Takes the access away until os_open. */
bool os_close(void *address, size_t size);

/* 64 bits that nobody can guess. */
uint64_t os_random(void);

/* False: the kernel has no room to split a mapping (vm.max_map_count); the memory is still
 * mapped. */
bool os_unmap(void *address, size_t size);

/* Gives the whole kernel pages inside [address, address + size) back. True: all of the range reads
 * as zero now; false: some of it may not (kernel pages larger than ours, or an error). */
bool os_purge(void *address, size_t size);

/* What the kernel was told of huge pages: nothing, or one of the two. */
enum advice { ADVICE_NONE, ADVICE_HUGE, ADVICE_SMALL };

/* Asks for huge pages in a range, or refuses them, or says nothing. Advice only. */
void os_huge_pages(void *address, size_t size, enum advice advice);

/* Moves the pages of a mapping to `target`, which is mapped, without copying them; the range
 * stays mapped, and reads as zero then. False: not on this kernel (before 5.7), or not of
 * several mappings at once; nothing moved. */
bool os_move(void *address, size_t size, void *target);

/* Makes a mapping longer where it lies; false: it cannot, or there are several mappings. */
bool os_lengthen(void *address, size_t size, size_t new_size);

/* Makes a mapping longer where the kernel likes, which counts it once towards every limit. Its
 * pages are not copied. NULL: no memory, or several mappings; it is as it was. Else the old
 * range is no longer mapped. */
void *os_move_longer(void *address, size_t size, size_t new_size);

/* The bytes of a range, which begins with a kernel page, that are there; all of them where the
 * kernel does not say. */
size_t os_resident(const void *address, size_t size);

/* Says of each kernel page of such a range whether it is there, by the lowest bit of a byte. False: the
 * kernel does not say. */
bool os_presence(const void *address, size_t size, unsigned char *pages);

/* Zeroes a range: by writing where most of its pages are there, else by giving them back. Returns its
 * address. */
void *os_zero(void *address, size_t size);

/* Reads the start of a file into text[0 … room), and ends it with a NUL; "" when it cannot be read. */
void os_read_text(const char *path, char *text, size_t room);

/* Whether the kernel gives huge pages to whoever does not refuse them. */
bool os_huge_by_default(void);

/* Whether the process has one thread. False: not known, or it had more since its start. */
bool os_is_single_threaded(void);

/* This thread by its kernel's ids, the process's and its own (at most 2^22, PID_MAX_LIMIT); or OS_LEADER:
 * its id is the process's, and in use as long as the process lives. That of a child of vfork is so too,
 * and of any task that shares the memory and is no thread of this process. */
enum { OS_ID_BITS = 24, OS_THREAD_BITS = 2 * OS_ID_BITS, OS_LEADER = 1 };
uint64_t os_thread(void);

/* Whether a thread of this process has ended: the kernel has taken its id away, after which it never
 * runs again. False where the kernel does not say (a filter); of a leader; of a thread of another process,
 * as in the child of a fork that went past libc. */
bool os_has_ended(uint64_t thread);

/* Monotonic clocks: one that moves with the kernel's tick, and an exact one. */
uint64_t os_milliseconds(void);
uint64_t os_microseconds(void);

#endif

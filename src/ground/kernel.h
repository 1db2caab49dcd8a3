/* kernel.h (level 0): the kernel's calls for memory, as they are: what they return is its answer, a negative
 * error number when it refuses, and errno is not touched. They need neither libc nor relocation, because
 * preload/mappings.c may be called while the loader relocates; and since that file takes libc's names for
 * the same calls, the heap cannot use those. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stddef.h>
#include <sys/mman.h>

#ifndef MREMAP_DONTUNMAP /* glibc before 2.32 */
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MAP_FIXED_NOREPLACE /* before 2.27 */
#define MAP_FIXED_NOREPLACE 0x100000
#endif

long kernel_mmap(void *address, size_t size, int protection, int flags, int file, long offset);
long kernel_munmap(void *address, size_t size);
long kernel_mprotect(void *address, size_t size, int protection);
long kernel_madvise(void *address, size_t size, int advice);
long kernel_mremap(void *address, size_t size, size_t new_size, int flags, void *target);

/* Any call of four arguments. */
long kernel_call(long number, long a, long b, long c, long d);

#endif

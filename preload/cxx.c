/* cxx.c: operator new and delete by their mangled names (Itanium C++ ABI, LP64). A C library cannot
 * throw: when there is no memory, the C++ library's own operator is called, which calls the
 * new_handler, and throws or returns NULL. */
#include "export.h"
#include "process.h"

#include "front/malloc.h"

#include <dlfcn.h>
#include <errno.h>

typedef struct nothrow_tag nothrow; /* std::nothrow_t, which is only passed on */

/* For a static program, in which dlsym finds nothing. */
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak));

/* The C++ library's own function of a name, also when a plugin brought that library along; or
 * NULL. */
static void *find_original(const char *name) {
	static const char *const libraries[] = {"libstdc++.so.6", "libc++.so.1", "libc++abi.so.1"};
	void *found = dlsym(RTLD_NEXT, name);
	for (size_t i = 0; !found && i < sizeof libraries / sizeof *libraries; i++) {
		void *library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);
		if (library)
			found = dlsym(library, name);
	}
	return found;
}

static COLD void *fail(size_t size) {
	if (_ZSt17__throw_bad_allocv)
		_ZSt17__throw_bad_allocv();
	die("operator new(%z): no memory, and no C++ library to throw std::bad_alloc", size);
}

/* The C++ library's operators take blocks from our malloc or aligned_alloc, so the block's family
 * is set here. */
static void *made_by(enum family family, void *block) {
	if (guard_on && block)
		guard_set_family(block, family);
	return block;
}

static COLD void *new_failed(const char *name, size_t size) {
	void *(*original)(size_t) = (void *(*)(size_t))(uintptr_t)find_original(name);
	return original ? original(size) : fail(size);
}

/* The C++ library's aligned operators round the size up, and some overflow. So a size over
 * PTRDIFF_MAX goes to the one without alignment. */
static COLD void *new_aligned_failed(const char *name, size_t size, size_t align) {
	if (size > PTRDIFF_MAX)
		return new_failed("_Znwm", size);
	void *(*original)(size_t, size_t) = (void *(*)(size_t, size_t))(uintptr_t)find_original(name);
	return original ? original(size, align) : fail(size);
}

static COLD void *new_nothrow_failed(const char *name, size_t size, const nothrow *tag) {
	void *(*original)(size_t, const nothrow *) =
	        (void *(*)(size_t, const nothrow *))(uintptr_t)find_original(name);
	return original ? original(size, tag) : NULL;
}

static COLD void *new_aligned_nothrow_failed(const char *name, size_t size, size_t align,
                                             const nothrow *tag) {
	if (size > PTRDIFF_MAX)
		return new_nothrow_failed("_ZnwmRKSt9nothrow_t", size, tag);
	void *(*original)(size_t, size_t, const nothrow *) =
	        (void *(*)(size_t, size_t, const nothrow *))(uintptr_t)find_original(name);
	return original ? original(size, align, tag) : NULL;
}

/* new: plain, [], aligned, nothrow. */
#define NEW(name, family)                                                                                    \
	EXPORT void *name(size_t size);                                                                      \
	EXPORT void *name(size_t size) {                                                                     \
		void *block = allocate_by(size, family);                                                     \
		return likely(block) ? block : made_by(family, new_failed(#name, size));                     \
	}
#define NEW_ALIGNED(name, family)                                                                            \
	EXPORT void *name(size_t size, size_t align);                                                        \
	EXPORT void *name(size_t size, size_t align) {                                                       \
		void *block = allocate_aligned_by(align, size, family);                                      \
		return likely(block) ? block : made_by(family, new_aligned_failed(#name, size, align));      \
	}
#define NEW_NOTHROW(name, family)                                                                            \
	EXPORT void *name(size_t size, const nothrow *tag);                                                  \
	EXPORT void *name(size_t size, const nothrow *tag) {                                                 \
		void *block = allocate_by(size, family);                                                     \
		return likely(block) ? block : made_by(family, new_nothrow_failed(#name, size, tag));        \
	}
#define NEW_ALIGNED_NOTHROW(name, family)                                                                    \
	EXPORT void *name(size_t size, size_t align, const nothrow *tag);                                    \
	EXPORT void *name(size_t size, size_t align, const nothrow *tag) {                                   \
		void *block = allocate_aligned_by(align, size, family);                                      \
		return likely(block) ? block                                                                 \
		                     : made_by(family, new_aligned_nothrow_failed(#name, size, align, tag)); \
	}

NEW(_Znwm, BY_NEW)
NEW(_Znam, BY_NEW_ARRAY)
NEW_ALIGNED(_ZnwmSt11align_val_t, BY_NEW)
NEW_ALIGNED(_ZnamSt11align_val_t, BY_NEW_ARRAY)
NEW_NOTHROW(_ZnwmRKSt9nothrow_t, BY_NEW)
NEW_NOTHROW(_ZnamRKSt9nothrow_t, BY_NEW_ARRAY)
NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t, BY_NEW)
NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t, BY_NEW_ARRAY)

/* delete: alignments and tags are not needed to find the block; a size without an alignment gives
 * its class. */
#define DELETE_SIZED(name, family)                                                                           \
	EXPORT void name(void *block, size_t size);                                                          \
	EXPORT void name(void *block, size_t size) { release_sized_by(block, size, family); }
#define DELETE_ALIGNED_SIZED(name, family)                                                                   \
	EXPORT void name(void *block, size_t size, size_t align);                                            \
	EXPORT void name(void *block, size_t size, size_t align) {                                           \
		(void)align, release_by(block, family, size);                                                \
	}
#define DELETE(name, family, ...)                                                                            \
	EXPORT void name(void *block, ##__VA_ARGS__);                                                        \
	EXPORT void name(void *block, ##__VA_ARGS__) { release_by(block, family, 0); }

DELETE(_ZdlPv, BY_NEW)
DELETE(_ZdaPv, BY_NEW_ARRAY)
DELETE_SIZED(_ZdlPvm, BY_NEW)
DELETE_SIZED(_ZdaPvm, BY_NEW_ARRAY)
DELETE(_ZdlPvRKSt9nothrow_t, BY_NEW, const nothrow *tag __attribute__((unused)))
DELETE(_ZdaPvRKSt9nothrow_t, BY_NEW_ARRAY, const nothrow *tag __attribute__((unused)))
DELETE(_ZdlPvSt11align_val_t, BY_NEW, size_t align __attribute__((unused)))
DELETE(_ZdaPvSt11align_val_t, BY_NEW_ARRAY, size_t align __attribute__((unused)))
DELETE_ALIGNED_SIZED(_ZdlPvmSt11align_val_t, BY_NEW)
DELETE_ALIGNED_SIZED(_ZdaPvmSt11align_val_t, BY_NEW_ARRAY)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, BY_NEW, size_t align __attribute__((unused)),
       const nothrow *tag __attribute__((unused)))
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, BY_NEW_ARRAY, size_t align __attribute__((unused)),
       const nothrow *tag __attribute__((unused)))

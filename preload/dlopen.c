/* dlopen.c: dlopen and dlmopen without RTLD_DEEPBIND, unless deepbind:1 is set. A library that is opened with
 * this flag binds malloc and free to the C library's own, before ours: what it frees of the program's, and
 * what the program frees of its, is then a foreign block.
 *
 * The real functions look at the address that they return to: it tells whose RUNPATH and $ORIGIN count, and
 * which namespace. So each stub changes the mode alone and jumps; it has no frame then. They are looked for at each
 * call (dlsym takes no memory when it succeeds), so that a call before our start is served too.
 *
 * Only where a stub is written; and not in the static library, whose program may have no dynamic loader. */
#include "ground/config.h"

#include <dlfcn.h>

#if defined(__x86_64__) || defined(__aarch64__)

/* In two registers, as both machines return it. */
struct target {
	uintptr_t function;
	uintptr_t mask; /* of the mode */
};

/* Where there is no loader; dlerror has the words of dlsym. */
static void *open_nothing(void) { return NULL; }

static struct target open_target(const char *name) {
	void *found = dlsym(RTLD_NEXT, name);
	uintptr_t mask = config.deepbind ? UINTPTR_MAX : ~(uintptr_t)RTLD_DEEPBIND;
	return (struct target){found ? (uintptr_t)found : (uintptr_t)open_nothing, mask};
}

/* Called by the stubs. */
struct target target_of_dlopen(void), target_of_dlmopen(void);
struct target target_of_dlopen(void) {
	return open_target("dlopen");
}
struct target target_of_dlmopen(void) {
	return open_target("dlmopen");
}

#define STUB(name, body)                                                                                     \
	__asm__(".pushsection .text\n.globl " name "\n.type " name ", %function\n" name                      \
	        ":\n.cfi_startproc\n" body ".cfi_endproc\n.size " name ", . - " name "\n.popsection\n")

#ifdef __x86_64__
#define BODY(name, mode)                                                                                     \
	"endbr64\n"                                                                                          \
	"push %rdi\n push %rsi\n push %rdx\n .cfi_adjust_cfa_offset 24\n"                                    \
	"call target_of_" name "\n mov %rdx, %r11\n"                                                         \
	"pop %rdx\n pop %rsi\n pop %rdi\n .cfi_adjust_cfa_offset -24\n"                                      \
	"and %r11, %" mode "\n jmp *%rax\n"
STUB("dlopen", BODY("dlopen", "rsi"));
STUB("dlmopen", BODY("dlmopen", "rdx"));
#else
#define BODY(name, mode)                                                                                     \
	"hint #34\n" /* bti c */                                                                             \
	"stp x29, x30, [sp, #-48]!\n .cfi_adjust_cfa_offset 48\n .cfi_offset x29, -48\n .cfi_offset x30, "   \
	"-40\n"                                                                                              \
	"stp x0, x1, [sp, #16]\n str x2, [sp, #32]\n"                                                        \
	"bl target_of_" name "\n mov x16, x0\n mov x17, x1\n"                                                \
	"ldp x0, x1, [sp, #16]\n ldr x2, [sp, #32]\n"                                                        \
	"ldp x29, x30, [sp], #48\n .cfi_adjust_cfa_offset -48\n .cfi_restore x29\n .cfi_restore x30\n"       \
	"and " mode ", " mode ", x17\n br x16\n"
STUB("dlopen", BODY("dlopen", "x1"));
STUB("dlmopen", BODY("dlmopen", "x2"));
#endif

#endif

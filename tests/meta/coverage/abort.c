/* abort.c: linked into the coverage build with --wrap=abort, so that a process that misuse ends leaves its counts. */
#include <stdlib.h>

void __gcov_dump(void);
_Noreturn void __real_abort(void);
_Noreturn void __wrap_abort(void);

_Noreturn void __wrap_abort(void) {
	__gcov_dump();
	__real_abort();
}

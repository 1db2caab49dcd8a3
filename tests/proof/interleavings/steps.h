/* steps.h: included before every source of the engine when its interleavings are explored: before each atomic
 * operation that is written as one, another thread may go on (explore.h). <stdatomic.h> is made of these
 * builtins; a plain use of an _Atomic variable is no step. */
#ifndef STEPS_H
#define STEPS_H

void step(void);

#define __atomic_load(...)             (step(), __atomic_load(__VA_ARGS__))
#define __atomic_load_n(...)           (step(), __atomic_load_n(__VA_ARGS__))
#define __atomic_store(...)            (step(), __atomic_store(__VA_ARGS__))
#define __atomic_store_n(...)          (step(), __atomic_store_n(__VA_ARGS__))
#define __atomic_exchange(...)         (step(), __atomic_exchange(__VA_ARGS__))
#define __atomic_compare_exchange(...) (step(), __atomic_compare_exchange(__VA_ARGS__))
#define __atomic_fetch_add(...)        (step(), __atomic_fetch_add(__VA_ARGS__))
#define __atomic_fetch_sub(...)        (step(), __atomic_fetch_sub(__VA_ARGS__))

#endif

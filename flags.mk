# flags.mk: the compiler flags of everything that is built here: one set, `flags` for C and `cxx_flags` for C++, which every
# kind of program adds to and takes nothing from. Included by the Makefile, first.

# The layers name each other's headers from src, everybody the engine's own.
includes := -Isrc -Iinclude

warnings := -Wall -Wextra -Wundef -Wshadow -Wconversion
ifeq ($(CI),true)
warnings += -Werror
endif
common   := -g -DBM_VERSION='"$(VERSION)"' $(includes) $(warnings)
# With nothing behind it -D_GNU_SOURCE= is what a file says that defines it itself. g++ defines it always.
flags     := -std=c11 -D_GNU_SOURCE= -Wmissing-prototypes $(common)
cxx_flags := -std=c++17 $(common)

# Of the library: its calloc must not have its malloc and memset made into a call of calloc. Of a workload: no call may go.
no_builtins := $(addprefix -fno-builtin-,malloc calloc realloc free)

# The library, and the engines of the bench. CFLAGS are the caller's, and have the last word.
CFLAGS        ?=
release_flags := -O2 -DBM_DEBUG=0
debug_flags   := -O1 -DBM_DEBUG=1
library_flags := $(flags) $(if $(filter 1,$(DEBUG)),$(debug_flags),$(release_flags)) \
		 -fPIC -fvisibility=hidden -fexceptions -ftls-model=initial-exec $(no_builtins) $(CFLAGS)

# Tests with the engine in them, where malloc is libc's; the variants of tests/tests.mk add to these.
engine_flags := $(flags) -Itests -pthread

# Programs that the library is preloaded into.
process_added     := -O1 -fno-builtin -Itests -pthread
process_flags     := $(flags) $(process_added)
process_cxx_flags := $(cxx_flags) $(process_added)

# The workloads of the bench.
bench_added     := -O2 $(no_builtins) -fno-builtin-posix_memalign -pthread $(BENCH_CFLAGS)
bench_flags     := $(flags) $(bench_added)
bench_cxx_flags := $(cxx_flags) $(bench_added)

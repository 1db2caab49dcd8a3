# libbuddymalloc: `make help` lists what can be made.

VERSION := $(shell cat VERSION)
PREFIX  ?= /usr/local
CC      ?= gcc
CXX     ?= g++

ifeq ($(DEBUG),1)
build    := build/debug
optimise := -O1 -g -DBM_DEBUG=1
else
build    := build/release
optimise := -O2 -g -DBM_DEBUG=0
endif

warnings := -Wall -Wextra -Wundef -Wshadow -Wconversion -Wmissing-prototypes
CFLAGS   ?=
# -fno-builtin-malloc: the compiler must not turn our calloc's malloc and memset into a call of calloc.
flags    := -std=c11 -Isrc -Iinclude -D_GNU_SOURCE -DBM_VERSION='"$(VERSION)"' $(warnings) $(optimise) -fPIC -fvisibility=hidden \
	    -fexceptions -ftls-model=initial-exec -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc \
	    -fno-builtin-free $(CFLAGS)
ifeq ($(CI),true)
flags    += -Werror
endif

sources  := $(wildcard src/*/*.c preload/*.c)
ifneq ($(DEBUG),1) # checkers are for debug builds and tests
sources  := $(filter-out %_check.c,$(sources))
endif
objects  := $(sources:%.c=$(build)/%.o)
archived := $(filter-out %/loading.o,$(objects)) # see loading.c

.PHONY: all help run install uninstall same-code format clean FORCE

libraries := libbuddymalloc.so libbuddymalloc-hardened.so

all: $(libraries) libbuddymalloc.a ## the library, shared (normal and hardened) and static (DEBUG=1: with assertions)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-][a-z .-]*:.*## / { printf "make %-28s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The flags are a prerequisite, so that DEBUG=1 or another compiler builds anew.
$(build)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(flags)' | cmp -s - $@ || echo '$(CC) $(flags)' >$@

$(build)/%.o: %.c $(build)/flags
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) $(flags) -MMD -MP -c -o $@ $<

# mode:hardened is what it begins with: only the reading of BUDDYMALLOC_CONF differs.
hardened := $(objects:$(build)/src/ground/config.o=$(build)/hardened/config.o)

$(build)/hardened/config.o: src/ground/config.c $(build)/flags
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) $(flags) -DBM_HARDENED=1 -MMD -MP -c -o $@ $<

build/last: FORCE
	@mkdir -p $(@D)
	@echo '$(build)' | cmp -s - $@ || echo '$(build)' >$@

libbuddymalloc.so: $(objects)
libbuddymalloc-hardened.so: $(hardened)
$(libraries): preload/exports.map build/last
	@echo "  LD  $@"; $(CC) $(flags) -shared -Wl,-soname,$@ -Wl,--version-script=preload/exports.map -Wl,-z,now,-z,relro,-z,initfirst \
		-Wl,--as-needed -o $@ $(filter %.o,$^)

libbuddymalloc.a: $(archived) build/last
	@echo "  AR  $@"; rm -f $@
	@ar rcs $@ $(archived)

-include $(objects:.o=.d) $(build)/hardened/config.d

run: export CMD := $(value CMD)
run: ## run CMD='program …' on our heap and print the account of it (default: a perl program)
	@tools/run.sh

# gdb loads OBJFILE-gdb.py with OBJFILE, of whose name all links are followed.
gdb_script := libbuddymalloc.so.$(VERSION)-gdb.py
gdb_share   = $(DESTDIR)$(PREFIX)/share/buddymalloc

install: all ## put the libraries, their headers and their commands of gdb under DESTDIR/PREFIX
	install -d $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/include $(gdb_share)
	for library in $(libraries); do \
		install -m 755 $$library $(DESTDIR)$(PREFIX)/lib/$$library.$(VERSION) && \
		ln -sf $$library.$(VERSION) $(DESTDIR)$(PREFIX)/lib/$$library || exit 1; \
	done
	install -m 644 libbuddymalloc.a $(DESTDIR)$(PREFIX)/lib/
	install -m 644 include/buddy.h $(DESTDIR)$(PREFIX)/include/
	install -m 644 tools/buddymalloc-gdb.py $(DESTDIR)$(PREFIX)/lib/$(gdb_script)
	ln -sf ../../lib/$(gdb_script) $(gdb_share)/buddymalloc-gdb.py

uninstall: ## remove what install put there
	rm -f $(addsuffix *,$(libraries:%=$(DESTDIR)$(PREFIX)/lib/%)) $(DESTDIR)$(PREFIX)/lib/libbuddymalloc.a \
		$(DESTDIR)$(PREFIX)/include/buddy.h $(gdb_share)/buddymalloc-gdb.py
	rmdir $(gdb_share) 2>/dev/null || true

same-code: ## whether the library's code is that of the revision OLD, but for names
	@tools/same_code.sh '$(OLD)'

format: ## format every C file by .clang-format
	clang-format -i $(shell git ls-files '*.[ch]' '*.cc' ':!bench/programs/inputs')

clean: ## remove what was built
	rm -rf build $(libraries) libbuddymalloc.a

# ---- tests ----

preload_programs := $(patsubst tests/%.c,build/tests/%,$(wildcard tests/preload/*.c tests/abuse/*.c)) \
		    $(patsubst tests/%.cc,build/tests/%,$(wildcard tests/preload/*.cc))

security_program := build/tests/security/misuse
valgrind_programs := $(patsubst tests/%.c,build/tests/%,$(wildcard tests/valgrind/*.c))

case_programs := $(patsubst tests/%.c,build/tests/%,$(wildcard tests/cases/*.c))

include tests/tests.mk bench/engines/engines.mk bench/workloads/workloads.mk bench/bench.mk

.PHONY: check check-quick check-cases check-preload check-real check-bench check-gdb check-soak soak check-security check-valgrind security-table check-system

check: ## install what the tests need, build and run every test
	tests/install.sh all
	$(MAKE) all
	$(MAKE) check-engine
	$(MAKE) check-bench
	$(MAKE) check-preload
	$(MAKE) check-cases
	$(MAKE) check-gdb
	$(MAKE) check-soak
	$(MAKE) check-security
	$(MAKE) check-valgrind
	$(MAKE) check-real

check-quick: ## the tests that take under two minutes together
	tests/install.sh quick
	$(MAKE) all
	$(MAKE) check-engine-quick
	$(MAKE) $(preload_programs)
	prove tests/abuse $(filter-out tests/preload/slow_%,$(wildcard tests/preload/*.t))

check-preload: $(preload_programs) libbuddymalloc.so libbuddymalloc.a ## libc's names under the preload, limits, misuse
	prove tests/preload tests/abuse

check-cases: $(case_programs) bench-workloads $(bench_tools) libbuddymalloc.so ## what was found to be poor: each finding with its figure and its bound
	prove tests/cases

MINUTES ?= 30
THREADS ?= 16
soak_plain   := build/tests/soak/soak
soak_checked := build/tests/engine/debug/soak/soak

soak: $(soak_plain) $(soak_checked) libbuddymalloc.so ## threads churn for MINUTES=30, THREADS=16, then as long with the checkers on
	prove -v -e 'env LD_PRELOAD=$(CURDIR)/libbuddymalloc.so' $(soak_plain) :: $$(($(MINUTES) * 60)) $(THREADS)
	prove -v -e '' $(soak_checked) :: $$(($(MINUTES) * 60)) $(THREADS)

check-soak: $(soak_plain) $(soak_checked) libbuddymalloc.so ## the soak for 20 seconds
	prove -e 'env LD_PRELOAD=$(CURDIR)/libbuddymalloc.so' $(soak_plain) :: 10
	prove -e '' $(soak_checked) :: 10

check-security: $(security_program) $(libraries) ## one misuse a run: what normal mode, mode:hardened and debug:1 make of it
	prove tests/security

check-valgrind: $(valgrind_programs) libbuddymalloc.so ## what Valgrind says of right and of wrong programs on our heap
	prove tests/valgrind

security-table: $(security_program) $(libraries) ## the kinds of misuse under other mallocs, as Markdown (ALLOC='NAME=PATH …': more of them)
	@tests/security/table.sh $(ALLOC)

check-real: libbuddymalloc.so ## real programs: the same output with and without the preload
	prove tests/real

check-gdb: build/tests/gdb/layout build/tests/gdb/layout-linked libbuddymalloc.so ## the commands of gdb on processes and on core files
	prove tests/gdb

check-system: libbuddymalloc.so ## a whole Debian on our heap, as root, not part of check (ONLY='perl …' SYSTEM_DIR=PATH)
	tests/install.sh system
	ONLY='$(ONLY)' SYSTEM_DIR='$(SYSTEM_DIR)' SECOND='$(SECOND)' prove -v tests/system

check-bench: engines libbuddymalloc.so ## the simple engines run their programs; the bench runs at its smallest
	prove tests/engines tests/bench

test_flags    := -O1 -g -fno-builtin -Wall -Wextra -Itests -pthread

build/tests/%: tests/%.c tests/tap.h $(wildcard tests/preload/*.h)
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) -std=gnu11 $(test_flags) -o $@ $< -ldl

build/tests/gdb/layout-linked: tests/gdb/layout.c libbuddymalloc.a
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) -std=gnu11 $(test_flags) -DLINKED=1 -o $@ $^ -ldl

build/tests/%: tests/%.cc tests/tap.h $(wildcard tests/preload/*.h)
	@mkdir -p $(@D)
	@echo "  CXX $@"; $(CXX) -std=gnu++17 $(test_flags) -o $@ $<

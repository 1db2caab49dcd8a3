# libbuddymalloc: `make help` lists what can be made.

VERSION := $(shell cat VERSION)
PREFIX  ?= /usr/local
CC      ?= gcc
CXX     ?= g++

include flags.mk

build    := build/$(if $(filter 1,$(DEBUG)),debug,release)
sources  := $(wildcard src/*/*.c preload/*.c)
ifneq ($(DEBUG),1) # checkers are for debug builds and tests
sources  := $(filter-out %_check.c,$(sources))
endif
objects  := $(sources:%.c=$(build)/%.o)
archived := $(filter-out %/loading.o %/dlopen.o %/mappings.o,$(objects)) # see these files

.PHONY: all help run install uninstall same-code format clean FORCE

libraries := libbuddymalloc.so libbuddymalloc-hardened.so
headers   := include/buddy.h include/buddymalloc.h
linked    := $(libraries) libbuddymalloc.a

##@ The library

all: $(linked) ## the library, shared (normal and hardened) and static (DEBUG=1: with assertions)

# The flags are a prerequisite, so that DEBUG=1 or another compiler builds anew.
$(build)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(library_flags)' | cmp -s - $@ || echo '$(CC) $(library_flags)' >$@

$(build)/%.o: %.c $(build)/flags
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) $(library_flags) -MMD -MP -c -o $@ $<

# mode:hardened is what it begins with: only the reading of BUDDYMALLOC_CONF differs.
hardened := $(objects:$(build)/src/ground/config.o=$(build)/hardened/src/ground/config.o)

$(build)/hardened/src/ground/config.o: src/ground/config.c $(build)/flags
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) $(library_flags) -DBM_HARDENED=1 -MMD -MP -c -o $@ $<

# What was built last, for what is linked with it.
build/last: FORCE
	@mkdir -p $(@D)
	@echo '$(build)' | cmp -s - $@ || echo '$(build)' >$@

$(build)/libbuddymalloc.so: $(objects)
$(build)/libbuddymalloc-hardened.so: $(hardened)
$(libraries:%=$(build)/%): preload/exports.map
	@echo "  LD  $@"; $(CC) $(library_flags) -shared -Wl,-soname,$(@F) -Wl,--version-script=preload/exports.map -Wl,-z,now,-z,relro,-z,initfirst \
		-Wl,--as-needed -o $@ $(filter %.o,$^)

$(build)/libbuddymalloc.a: $(archived)
	@echo "  AR  $@"; rm -f $@
	@ar rcs $@ $(archived)

# In the root lie links to what was built last.
$(linked): %: $(build)/% FORCE
	@[ "$$(readlink $@)" = $< ] || ln -sfn $< $@

dependencies := $(objects:.o=.d) $(build)/hardened/src/ground/config.d # of what the compiler made; the makefiles below add theirs

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
	install -m 644 $(headers) $(DESTDIR)$(PREFIX)/include/
	install -m 644 tools/buddymalloc-gdb.py $(DESTDIR)$(PREFIX)/lib/$(gdb_script)
	ln -sf ../../lib/$(gdb_script) $(gdb_share)/buddymalloc-gdb.py

uninstall: ## remove what install put there
	rm -f $(addsuffix *,$(libraries:%=$(DESTDIR)$(PREFIX)/lib/%)) $(DESTDIR)$(PREFIX)/lib/libbuddymalloc.a \
		$(headers:%=$(DESTDIR)$(PREFIX)/%) $(gdb_share)/buddymalloc-gdb.py
	rmdir $(gdb_share) 2>/dev/null || true

clean: ## remove what was built
	rm -rf build $(linked) compile_commands.json

##@ Work on it

help: ## this list
	@awk -F ':.*## ' -f tools/help.awk $(MAKEFILE_LIST)

same-code: ## whether the library's code is that of the revision OLD, but for names
	@tools/same_code.sh '$(OLD)'

format: ## format every C file by .clang-format
	clang-format -i $(shell git ls-files '*.[ch]' '*.cc' ':!bench/programs/inputs')

compile_commands.json: export LIBRARY = $(CC) $(library_flags)
compile_commands.json: export ENGINE = $(cc_debug) $(engine_flags) $(flags_debug)
compile_commands.json: export STEPS = $(cc_steps) $(engine_flags) $(flags_steps)
compile_commands.json: export PROCESS = $(CC) $(process_flags)
compile_commands.json: export PROCESS_CXX = $(CXX) $(process_cxx_flags)
compile_commands.json: export WORKLOAD = $(CC) $(bench_flags)
compile_commands.json: export WORKLOAD_CXX = $(CXX) $(bench_cxx_flags)
compile_commands.json: FORCE ## how each file is compiled, for clangd and its like
	@tools/compile_commands.sh >$@

##@ Tests

.PHONY: check check-quick check-engine test

check: ## install what the tests need, build and run every test, and sum up
	tests/install.sh all
	@tests/check.sh all

check-quick: ## those that take under 2 minutes together
	tests/install.sh quick
	@tests/check.sh quick

check-engine: ## those of tests/unit and tests/proof, and golden
	@tests/check.sh engine

test: ## one test, or those of a folder: T=unit/slab, T=process/preload/fork … (V=debug, asan, tsan, clang; without T: their names)
	@tests/one.sh '$(T)' $(V)

include tests/tests.mk bench/engines/engines.mk bench/workloads/workloads.mk bench/bench.mk tests/process.mk

# Where a file was moved or removed, a list of dependencies would stop make for want of it: what it belongs to is made anew.
lists := $(wildcard $(dependencies))
named  = $(filter %.c %.cc %.h,$(file <$(1)))
there := $(wildcard $(sort $(foreach list,$(lists),$(call named,$(list)))))
stale := $(foreach list,$(lists),$(if $(filter-out $(there),$(call named,$(list))),$(list)))
$(stale:.d=) $(stale:.d=.o): FORCE
include $(filter-out $(stale),$(lists))

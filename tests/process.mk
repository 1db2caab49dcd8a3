# process.mk: the tests that preload the library into programs of their own (tests/process, tests/cases, tests/soak) and
# into other people's (tests/programs), and those of what is around it (tests/meta); coverage and mutants. What is built
# here lies in build/tests as its source does in tests. Included by the Makefile. QUICK=1 leaves out what takes minutes.

programs_of      = $(patsubst tests/%,build/tests/%,$(basename $(wildcard $(1:%=tests/process/%/*.c) $(1:%=tests/process/%/*.cc))))
preload_programs := $(call programs_of,preload abuse)
quick_programs   := $(filter-out build/tests/process/preload/slow_%,$(preload_programs))
security_program := $(call programs_of,security)
valgrind_programs := $(call programs_of,valgrind)
gdb_programs     := build/tests/process/gdb/layout build/tests/process/gdb/layout-linked
case_programs    := $(patsubst tests/%.c,build/tests/%,$(wildcard tests/cases/*.c))
soak_plain       := build/tests/soak/soak
soak_checked     := $(engine)/debug/soak/soak

build/tests/%: tests/%.c tests/process.mk flags.mk
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) $(process_flags) -MMD -MP -o $@ $< -ldl

build/tests/%: tests/%.cc tests/process.mk flags.mk
	@mkdir -p $(@D)
	@echo "  CXX $@"; $(CXX) $(process_cxx_flags) -MMD -MP -o $@ $<

build/tests/process/gdb/layout-linked: tests/process/gdb/layout.c $(build)/libbuddymalloc.a build/last
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) $(process_flags) -DLINKED=1 -o $@ $(filter %.c %.a,$^) -ldl

dependencies += build/tests/cases/*.d build/tests/soak/*.d build/tests/process/*/*.d

.PHONY: check-preload check-cases check-gdb check-soak check-security check-valgrind check-real check-bench
.PHONY: soak security-table check-system

# Two at a time, the longest first. What changes a setting of the whole system would change it under the other.
quick_tests := $(addprefix tests/process/preload/,preload.t modes.t) tests/process/abuse \
	       $(filter-out %/preload.t %/modes.t %/slow_preload.t %/overcommit.t,$(wildcard tests/process/preload/*.t))

##@ Tests, group by group

check-preload: $(if $(QUICK),$(quick_programs),$(preload_programs)) libbuddymalloc.so libbuddymalloc.a ## libc's names under the preload, limits, misuse
	$(if $(QUICK),BM_QUICK=1 $(prove) -j2 $(quick_tests),$(prove) tests/process/preload tests/process/abuse)

check-security: $(security_program) $(libraries) ## one misuse a run: what normal mode, mode:hardened and debug:1 make of it
	$(prove) tests/process/security

check-valgrind: $(valgrind_programs) libbuddymalloc.so ## what Valgrind says of right and of wrong programs on our heap
	$(prove) tests/process/valgrind

check-gdb: $(gdb_programs) $(libraries) ## the commands of gdb on processes and on core files
	$(prove) tests/process/gdb

under_us = $(prove) $(1) -e 'env LD_PRELOAD=$(CURDIR)/libbuddymalloc.so' $(soak_plain) ::

check-soak: $(soak_plain) $(soak_checked) libbuddymalloc.so ## the soak for 20 seconds
	$(under_us) 10
	$(prove) -e '' $(soak_checked) :: 10

check-cases: $(case_programs) bench-workloads $(bench_tools) libbuddymalloc.so ## what was found to be poor: each finding with its figure and its bound
	$(prove) tests/cases

check-real: bench-workloads libbuddymalloc.so ## real programs: the same output with and without the preload
	$(prove) tests/programs/real

check-bench: engines libbuddymalloc.so ## the simple engines run their programs; the bench runs at its smallest
	$(prove) tests/meta/engines tests/meta/bench

##@ Tests that are not part of check

soak_for = $$(($(or $(MINUTES),30) * 60)) $(or $(THREADS),16)

soak: $(soak_plain) $(soak_checked) libbuddymalloc.so ## threads churn for MINUTES=30, THREADS=16, then as long with the checkers on
	$(call under_us,-v) $(soak_for)
	$(prove) -v -e '' $(soak_checked) :: $(soak_for)

check-system: libbuddymalloc.so ## a whole Debian on our heap, as root (ONLY='perl …' SYSTEM_DIR=PATH)
	tests/install.sh system
	ONLY='$(ONLY)' SYSTEM_DIR='$(SYSTEM_DIR)' SECOND='$(SECOND)' $(prove) -v tests/programs/system

security-table: $(security_program) $(libraries) ## the kinds of misuse under other mallocs, as Markdown (ALLOC='NAME=PATH …': more of them)
	@tests/process/security/table.sh $(ALLOC)

.PHONY: coverage mutants

# The library counted by gcov. abort leaves the counts of processes that misuse ends.
coverage := build/coverage

$(coverage)/%.o: %.c tests/process.mk flags.mk
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) $(library_flags) $(flags_cov) -MMD -MP -c -o $@ $<

$(coverage)/libbuddymalloc.so: $(sources:%.c=$(coverage)/%.o) tests/meta/coverage/abort.c preload/exports.map
	@echo "  LD  $@"; $(CC) -O1 -fPIC -shared --coverage -Wl,--wrap=abort -Wl,-soname,libbuddymalloc.so \
		-Wl,--version-script=preload/exports.map -Wl,-z,now,-z,initfirst -o $@ $(filter %.o %.c,$^)

coverage_tests := $(addprefix tests/process/preload/,preload.t statistics.t config.t early.t dlopen.t dlopen_self.t modes.t) \
		  tests/process/abuse/abuse.t tests/process/security/security.t tests/process/valgrind/valgrind.t $(addprefix tests/programs/real/,sqlite.t perl.t gawk.t)

dependencies += $(sources:%.c=$(coverage)/%.d)

coverage: $(call unit_of,cov) $(call model_of,cov) $(call mutate_of,cov) $(coverage)/libbuddymalloc.so libbuddymalloc-hardened.so $(preload_programs) $(security_program) $(valgrind_programs) ## lines and branches that the tests run
	@find $(engine)/cov $(coverage) -name '*.gcda' -delete
	-$(proven) $(call unit_of,cov) $(call model_of,cov) $(call mutate_of,cov)
	@cp libbuddymalloc-hardened.so $(coverage) # the tests look for it there; it is not counted
	-BM_PRELOAD=$(CURDIR)/$(coverage)/libbuddymalloc.so $(prove) $(coverage_tests)
	tests/meta/coverage/coverage.py $(engine)/cov $(coverage)

mutants: ## 35 bugs planted one at a time: a test must catch each (half an hour; MUTANTS='01 14' for some)
	tests/proof/mutants/run.sh $(MUTANTS)

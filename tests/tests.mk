# tests.mk: the engine's own tests, linked without preload, so that malloc is libc's: unit, model, mutate, exhaustive; and
# golden and embedded. Included by the Makefile. All that is built here lies in build/tests/engine/VARIANT:
#
#	gcc, clang   as released
#	debug        with assertions
#	asan, tsan   AddressSanitizer and UndefinedBehaviorSanitizer; ThreadSanitizer; with assertions, nothing suppressed
#	fuzz         the models under libFuzzer (clang), with AddressSanitizer
#	cov          counted by gcov, for make coverage
#	steps        with a scheduler before each atomic operation, for tests/interleavings; steps_tsan: by ThreadSanitizer too

engine       := build/tests/engine
engine_flags := -std=gnu11 -Isrc -Iinclude -D_GNU_SOURCE -DBM_VERSION='"$(VERSION)"' -Wall -Wextra -Wshadow -Wundef -g -pthread
ifeq ($(CI),true)
engine_flags += -Werror
endif

cc_gcc      := gcc
flags_gcc   := -O2
cc_debug    := gcc
flags_debug := -O1 -DBM_DEBUG=1
cc_clang    := clang
flags_clang := -O2
cc_asan     := gcc
flags_asan  := -O1 -DBM_DEBUG=1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
cc_tsan     := gcc
flags_tsan  := -O1 -DBM_DEBUG=1 -fsanitize=thread
cc_fuzz     := clang
flags_fuzz  := -O1 -DBM_DEBUG=1 -DFUZZ -fsanitize=address,fuzzer-no-link
link_fuzz   := -fsanitize=address,fuzzer
cc_cov      := gcc
flags_cov   := -O0 --coverage -fprofile-update=atomic
cc_steps    := gcc
flags_steps := -O1 -DLOCK_SPINS=1 -include tests/interleavings/steps.h
cc_steps_tsan    := $(cc_steps)
flags_steps_tsan := $(flags_steps) -fsanitize=thread

engine_sources := $(wildcard src/*/*.c)
unit_names     := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))
model_names    := $(patsubst tests/model/%.c,%,$(wildcard tests/model/*.c))
fuzz_names     := buddy_model turns

# Functions that a test puts its own in place of.
wraps_reclaim   := os_milliseconds
wraps_chunk  := os_milliseconds os_microseconds os_purge
wraps_large  := os_milliseconds
wraps_turns  := os_map os_milliseconds os_microseconds
wraps_central   := os_milliseconds os_purge chunk_take
wraps_guard  := os_map os_map_aligned os_reserve_aligned os_open os_close
wraps_kernel := os_map os_map_aligned os_reserve_aligned os_open os_unmap os_purge os_grow os_move
wraps_faults := $(wraps_kernel) os_milliseconds os_microseconds metadata_take metadata_put mmap munmap madvise mremap mprotect

# The same for tests/interleavings.
explored_wraps_lock     := syscall
explored_wraps_registry := syscall os_map os_unmap
explored_wraps_heap     := syscall os_map os_milliseconds os_microseconds

# What is added to the linker's script.
script_turns := tests/model/state.ld

define engine_variant
$(engine)/$(1)/%.o: %.c tests/tests.mk
	@mkdir -p $$(@D)
	@echo "  CC  $$@"; $(cc_$(1)) $$(engine_flags) $(flags_$(1)) -MMD -MP -c -o $$@ $$<

$(engine)/$(1)/fuzz-%.o: tests/model/%.c tests/tests.mk
	@mkdir -p $$(@D)
	@echo "  CC  $$@"; $(cc_$(1)) $$(engine_flags) $(flags_$(1)) -DFUZZ -MMD -MP -c -o $$@ $$<

$(engine)/$(1)/engine.a: $(engine_sources:%.c=$(engine)/$(1)/%.o)
	@rm -f $$@; ar rcs $$@ $$^

$(engine)/$(1)/unit/%: $(engine)/$(1)/tests/unit/%.o $(engine)/$(1)/engine.a
	@mkdir -p $$(@D)
	@$(cc_$(1)) $$(engine_flags) $(flags_$(1)) $$(patsubst %,-Wl$$(comma)--wrap=%,$$(wraps_$$*)) -o $$@ $$^ -lcmocka

$(engine)/$(1)/model/%: $(engine)/$(1)/tests/model/%.o $(engine)/$(1)/engine.a
	@mkdir -p $$(@D)
	@$(cc_$(1)) $$(engine_flags) $(flags_$(1)) $(link_$(1)) $$(patsubst %,-Wl$$(comma)--wrap=%,$$(wraps_$$*)) \
		$$(addprefix -T ,$$(script_$$*)) -o $$@ $$(filter-out %.ld,$$^)

$(engine)/$(1)/model/turns: tests/model/state.ld

$(engine)/$(1)/mutate/%: $(engine)/$(1)/tests/mutate/%.o $(engine)/$(1)/engine.a
	@mkdir -p $$(@D)
	@$(cc_$(1)) $$(engine_flags) $(flags_$(1)) -o $$@ $$^

$(engine)/$(1)/exhaustive/%: $(engine)/$(1)/tests/exhaustive/%.o $(engine)/$(1)/src/back/buddy.o $(engine)/$(1)/src/back/buddy_check.o
	@mkdir -p $$(@D)
	@$(cc_$(1)) $$(engine_flags) $(flags_$(1)) -o $$@ $$^

# The scheduler is never watched by ThreadSanitizer: its variables are nobody else's.
$(engine)/$(1)/interleavings/%: $(engine)/$(1)/tests/interleavings/%.o $(engine)/steps/tests/interleavings/explore.o \
		$(engine)/$(1)/engine.a tests/model/state.ld
	@mkdir -p $$(@D)
	@$(cc_$(1)) $$(engine_flags) $(flags_$(1)) $$(patsubst %,-Wl$$(comma)--wrap=%,$$(explored_wraps_$$*)) \
		-T tests/model/state.ld -o $$@ $$(filter-out %.ld,$$^)

# The whole library in the program: the engine's checkers are at hand, and malloc is ours without a preload.
$(engine)/$(1)/soak/soak: $(patsubst %.c,$(engine)/$(1)/%.o,$(wildcard tests/soak/*.c src/*/*.c preload/*.c))
	@mkdir -p $$(@D)
	@$(cc_$(1)) $$(engine_flags) $(flags_$(1)) -o $$@ $$^

$(engine)/$(1)/tests/soak/%.o: engine_flags += -fno-builtin -Itests

.PRECIOUS: $(engine)/$(1)/%.o $(engine)/$(1)/fuzz-%.o
-include $(wildcard $(engine)/$(1)/*.d $(engine)/$(1)/*/*.d $(engine)/$(1)/*/*/*.d)
endef

comma := ,
$(foreach variant,gcc debug clang asan tsan fuzz cov steps steps_tsan,$(eval $(call engine_variant,$(variant))))

unit_of   = $(unit_names:%=$(engine)/$(1)/unit/%)
model_of  = $(model_names:%=$(engine)/$(1)/model/%)
mutate_of = $(engine)/$(1)/mutate/mutate

prove     := prove -j2 -e ''
fixed     := $(shell setarch -R true 2>/dev/null && echo setarch -R) # an older ThreadSanitizer needs its addresses
have_clang := $(shell command -v clang)

corpora     := tests/model/corpus
finds       := build/fuzz
have_fuzzer := $(if $(have_clang),$(wildcard $(shell clang -print-runtime-dir 2>/dev/null)/libclang_rt.fuzzer-*.a))

.PHONY: check-interleavings check-unit check-model check-mutate check-states check-asan check-tsan check-clang check-fuzz check-golden check-embedded
.PHONY: fuzz fuzz-merge
.PHONY: check-engine check-engine-quick

check-unit: $(call unit_of,gcc) $(call unit_of,debug) ## the unit tests, release and debug
	$(prove) $^

# Replays what the fuzzer has found worth keeping.
replay_corpora = for name in $(fuzz_names); do $(engine)/$(1)/model/$$name --corpus $(corpora)/$$name || exit 1; done

check-model: $(call model_of,gcc) $(call model_of,debug) $(fuzz_names:%=$(engine)/gcc/fuzz-%.o) ## the models, release and debug
	$(prove) $(filter-out %.o,$^)
	@$(call replay_corpora,gcc)

check-mutate: $(call mutate_of,gcc) ## the checkers notice every mutation
	$(prove) $^

states_of = $(engine)/$(1)/exhaustive/buddy_states

check-states: $(call states_of,gcc) $(call states_of,asan) ## every state of a buddy of 16 leaves, every operation
	$(prove) $(call states_of,gcc)
	$(prove) $(call states_of,asan) :: 8

check-asan: $(call unit_of,asan) $(call model_of,asan) $(call mutate_of,asan) ## the same under Address- and UndefinedBehaviorSanitizer
	$(prove) $^
	@$(call replay_corpora,asan)

explored_of = $(patsubst tests/interleavings/%.c,$(engine)/$(1)/interleavings/%,$(filter-out %/explore.c,$(wildcard tests/interleavings/*.c)))

check-interleavings: $(call explored_of,steps) $(call explored_of,steps_tsan) ## every order of what threads do at once
	$(prove) $(call explored_of,steps)
	prove -j2 -e '$(fixed)' $(call explored_of,steps_tsan)

check-tsan: $(call unit_of,tsan) $(engine)/tsan/model/threads ## the same under ThreadSanitizer
	prove -j2 -e '$(fixed)' $^

ifeq ($(have_clang),)
check-clang check-fuzz fuzz fuzz-merge:
	@echo "$@: skipped: no clang"
else
check-clang: $(call unit_of,clang) $(call model_of,clang) $(call mutate_of,clang) ## the same built by clang
	$(prove) $^

ifeq ($(have_fuzzer),)
check-fuzz fuzz fuzz-merge:
	@echo "$@: skipped: no libFuzzer (libclang-rt-14-dev)"
else
check-fuzz: $(fuzz_names:%=$(engine)/fuzz/model/%) ## the models fed by libFuzzer, half a minute in all
	@rm -rf $(fuzz_names:%=$(finds)/check/%)
	@mkdir -p $(finds)/check
	@tests/model/fuzz.sh buddy_model 600 6 $(finds)/check/buddy_model
	@tests/model/fuzz.sh turns 400 24 $(finds)/check/turns

MINUTES ?= 60
fuzz: $(fuzz_names:%=$(engine)/fuzz/model/%) ## the same for MINUTES=60; what is new stays in build/fuzz
	@mkdir -p $(finds)
	@tests/model/fuzz.sh buddy_model 600 $$(($(MINUTES) * 12)) $(finds)/buddy_model
	@tests/model/fuzz.sh turns 400 $$(($(MINUTES) * 48)) $(finds)/turns
	@echo "make fuzz-merge takes what is new over into $(corpora)"

fuzz-merge: $(fuzz_names:%=$(engine)/fuzz/model/%) ## makes the corpus anew from itself and build/fuzz
	@$(foreach name,$(fuzz_names),tests/model/merge.sh $(engine)/fuzz/model/$(name) $(corpora)/$(name) $(finds)/$(name) &&) true
endif
endif

check-golden: libbuddymalloc.so ## layers, sizes, the fast path, the version, names in the docs
	prove tests/golden

check-embedded: ## the buddy without a C library, here and on a Cortex-M3
	prove tests/embedded

check-engine: check-unit check-model check-mutate check-states check-interleavings check-clang check-asan check-tsan check-fuzz check-golden check-embedded ## all of the engine's tests

check-engine-quick: $(call unit_of,asan) $(call states_of,gcc) check-unit check-model check-mutate ## the quick ones: no sanitizer but ASan of unit
	$(prove) $(call unit_of,asan)
	$(prove) $(call states_of,gcc) :: 8
	BM_QUICK=1 prove tests/golden

# The library counted by gcov. abort leaves the counts of processes that misuse ends.
coverage := build/coverage

$(coverage)/%.o: %.c tests/tests.mk
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) $(flags) $(flags_cov) -MMD -MP -c -o $@ $<

$(coverage)/libbuddymalloc.so: $(sources:%.c=$(coverage)/%.o) tests/coverage/abort.c preload/exports.map
	@echo "  LD  $@"; $(CC) -O1 -fPIC -shared --coverage -Wl,--wrap=abort -Wl,-soname,libbuddymalloc.so \
		-Wl,--version-script=preload/exports.map -Wl,-z,now,-z,initfirst -o $@ $(filter %.o %.c,$^)

coverage_tests := $(addprefix tests/preload/,preload.t statistics.t config.t early.t dlopen_self.t modes.t) \
		  tests/abuse/abuse.t tests/security/security.t tests/valgrind/valgrind.t $(addprefix tests/real/,sqlite.t perl.t gawk.t)

-include $(sources:%.c=$(coverage)/%.d)

.PHONY: coverage mutants

coverage: $(call unit_of,cov) $(call model_of,cov) $(call mutate_of,cov) $(coverage)/libbuddymalloc.so libbuddymalloc-hardened.so $(preload_programs) $(security_program) $(valgrind_programs) ## lines and branches that the tests run
	@find $(engine)/cov $(coverage) -name '*.gcda' -delete
	-$(prove) $(call unit_of,cov) $(call model_of,cov) $(call mutate_of,cov)
	@cp libbuddymalloc-hardened.so $(coverage) # the tests look for it there; it is not counted
	-BM_PRELOAD=$(CURDIR)/$(coverage)/libbuddymalloc.so prove $(coverage_tests)
	tests/coverage/coverage.py $(engine)/cov $(coverage)

mutants: ## 30 bugs planted one at a time: a test must catch each (half an hour; MUTANTS='01 14' for some)
	tests/mutants/run.sh $(MUTANTS)

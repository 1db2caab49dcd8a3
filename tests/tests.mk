# tests.mk: the engine's own tests, linked without preload, so that malloc is libc's: tests/unit and tests/proof; and the
# one of the tree itself, golden. Included by the Makefile. QUICK=1 leaves out what takes minutes. All that is built here
# lies in build/tests/engine/VARIANT, a variant adds to engine_flags of flags.mk:
#
#	gcc, clang   as released
#	debug        with assertions
#	asan, tsan   AddressSanitizer and UndefinedBehaviorSanitizer; ThreadSanitizer; with assertions, nothing suppressed
#	fuzz         the models under libFuzzer (clang), with AddressSanitizer
#	cov          counted by gcov, for make coverage
#	page16k, page64k   with assertions, and a kernel whose pages are of 16 or 64 KB
#	steps        with a scheduler before each atomic operation, for tests/proof/interleavings; steps_tsan: by ThreadSanitizer too

engine      := build/tests/engine
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
cc_page16k  := gcc
kernel_page  = -O1 -DBM_DEBUG=1 -DKERNEL_PAGE=$(1) -include tests/kernel_page.h
flags_page16k := $(call kernel_page,16384)
cc_page64k  := gcc
flags_page64k := $(call kernel_page,65536)
cc_fuzz     := clang
flags_fuzz  := -O1 -DBM_DEBUG=1 -DFUZZ -fsanitize=address,fuzzer-no-link
link_fuzz   := -fsanitize=address,fuzzer
cc_cov      := gcc
flags_cov   := -O0 --coverage -fprofile-update=atomic
cc_steps    := gcc
flags_steps := -O1 -DLOCK_SPINS=1 -include tests/proof/interleavings/steps.h
cc_steps_tsan    := $(cc_steps)
flags_steps_tsan := $(flags_steps) -fsanitize=thread

engine_sources := $(wildcard src/*/*.c)
unit_names     := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))
model_names    := $(patsubst tests/proof/model/%.c,%,$(wildcard tests/proof/model/*.c))
fuzz_names     := buddy_model turns

# Functions that a test puts its own in place of.
wraps_cache  := os_thread os_has_ended central_refill
wraps_ledger := os_milliseconds
wraps_reclaim   := os_milliseconds os_microseconds os_purge
wraps_chunk  := os_milliseconds os_microseconds os_purge
wraps_large  := os_milliseconds
wraps_pool   := os_milliseconds metadata_take os_map_at
wraps_turns  := os_map_fenced os_unmap_fenced os_milliseconds os_microseconds
wraps_central   := os_milliseconds os_purge chunk_take
wraps_guard  := os_map_fenced os_map_aligned os_map_at os_open os_close
wraps_altered  := kernel_mmap
wraps_watch  := kernel_mmap
wraps_kernel := os_map_fenced os_map_aligned os_map_at os_open os_unmap os_unmap_fenced os_purge os_move os_lengthen os_move_longer
wraps_faults := $(filter-out os_open,$(wraps_kernel)) os_milliseconds os_microseconds metadata_take metadata_put $(addprefix kernel_,mmap munmap madvise mremap mprotect)

# The same for tests/proof/interleavings.
explored_wraps_lock     := syscall
explored_wraps_registry := syscall os_map_fenced os_unmap_fenced
explored_wraps_heap     := syscall os_map_fenced os_unmap_fenced os_milliseconds os_microseconds

# What is added to the linker's script.
script_turns := tests/proof/model/state.ld

define engine_variant
$(engine)/$(1)/%.o: %.c tests/tests.mk flags.mk
	@mkdir -p $$(@D)
	@echo "  CC  $$@"; $(cc_$(1)) $$(engine_flags) $(flags_$(1)) -MMD -MP -c -o $$@ $$<

$(engine)/$(1)/fuzz-%.o: tests/proof/model/%.c tests/tests.mk flags.mk
	@mkdir -p $$(@D)
	@echo "  CC  $$@"; $(cc_$(1)) $$(engine_flags) $(flags_$(1)) -DFUZZ -MMD -MP -c -o $$@ $$<

$(engine)/$(1)/engine.a: $(engine_sources:%.c=$(engine)/$(1)/%.o)
	@rm -f $$@; ar rcs $$@ $$^

$(unit_names:%=$(engine)/$(1)/tests/unit/%.o): | $(engine)/cmocka

$(engine)/$(1)/unit/%: $(engine)/$(1)/tests/unit/%.o $(engine)/$(1)/engine.a
	@mkdir -p $$(@D)
	@$(cc_$(1)) $$(engine_flags) $(flags_$(1)) $$(patsubst %,-Wl$$(comma)--wrap=%,$$(wraps_$$*)) -o $$@ $$^ -lcmocka

$(engine)/$(1)/proof/model/%: $(engine)/$(1)/tests/proof/model/%.o $(engine)/$(1)/engine.a
	@mkdir -p $$(@D)
	@$(cc_$(1)) $$(engine_flags) $(flags_$(1)) $(link_$(1)) $$(patsubst %,-Wl$$(comma)--wrap=%,$$(wraps_$$*)) \
		$$(addprefix -T ,$$(script_$$*)) -o $$@ $$(filter-out %.ld,$$^)

$(engine)/$(1)/proof/model/turns: tests/proof/model/state.ld

$(engine)/$(1)/proof/mutate/%: $(engine)/$(1)/tests/proof/mutate/%.o $(engine)/$(1)/engine.a
	@mkdir -p $$(@D)
	@$(cc_$(1)) $$(engine_flags) $(flags_$(1)) -o $$@ $$^

$(engine)/$(1)/proof/states/%: $(engine)/$(1)/tests/proof/states/%.o $(engine)/$(1)/src/back/buddy.o $(engine)/$(1)/src/back/buddy_check.o
	@mkdir -p $$(@D)
	@$(cc_$(1)) $$(engine_flags) $(flags_$(1)) -o $$@ $$^

# The scheduler is never watched by ThreadSanitizer: its variables are nobody else's.
$(engine)/$(1)/proof/interleavings/%: $(engine)/$(1)/tests/proof/interleavings/%.o $(engine)/steps/tests/proof/interleavings/explore.o \
		$(engine)/$(1)/engine.a tests/proof/model/state.ld
	@mkdir -p $$(@D)
	@$(cc_$(1)) $$(engine_flags) $(flags_$(1)) $$(patsubst %,-Wl$$(comma)--wrap=%,$$(explored_wraps_$$*)) \
		-T tests/proof/model/state.ld -o $$@ $$(filter-out %.ld,$$^)

# The whole library in the program: the engine's checkers are at hand, and malloc is ours without a preload.
$(engine)/$(1)/soak/soak: $(patsubst %.c,$(engine)/$(1)/%.o,$(wildcard tests/soak/*.c src/*/*.c preload/*.c))
	@mkdir -p $$(@D)
	@$(cc_$(1)) $$(engine_flags) $(flags_$(1)) -o $$@ $$^

$(engine)/$(1)/tests/soak/%.o: engine_flags += -fno-builtin

.PRECIOUS: $(engine)/$(1)/%.o $(engine)/$(1)/fuzz-%.o
dependencies += $(addprefix $(engine)/$(1)/,*.d */*.d */*/*.d */*/*/*.d)
endef

comma := ,

# Asked once and before any unit test is compiled: else each would fail with the compiler's words.
$(engine)/cmocka:
	@mkdir -p $(@D)
	@gcc -E -x c -include cmocka.h /dev/null >/dev/null 2>&1 || \
		{ echo "tests/unit needs cmocka.h, which the compiler does not find: tests/install.sh quick installs libcmocka-dev" >&2; exit 1; }
	@touch $@

$(foreach variant,gcc debug clang asan tsan page16k page64k fuzz cov steps steps_tsan,$(eval $(call engine_variant,$(variant))))

unit_of   = $(unit_names:%=$(engine)/$(1)/unit/%)
model_of  = $(model_names:%=$(engine)/$(1)/proof/model/%)
mutate_of = $(engine)/$(1)/proof/mutate/mutate

prove      := tests/prove.pl
proven     := $(prove) -j2 -e '' # programs
fixed      := $(shell setarch -R true 2>/dev/null && echo setarch -R) # an older ThreadSanitizer needs its addresses
have_clang := $(shell command -v clang)

corpora     := tests/proof/model/corpus
finds       := build/fuzz
have_fuzzer := $(if $(have_clang),$(wildcard $(shell clang -print-runtime-dir 2>/dev/null)/libclang_rt.fuzzer-*.a))

.PHONY: check-pages check-unit check-embedded check-model check-mutate check-states check-interleavings check-asan check-tsan check-clang
.PHONY: check-fuzz check-golden fuzz fuzz-merge

##@ Tests, group by group

check-unit: $(call unit_of,gcc) $(if $(QUICK),,$(call unit_of,debug)) ## the unit tests, release and debug (QUICK=1: release)
	$(proven) $^

check-embedded: ## the buddy without a C library, here and on a Cortex-M3
	$(prove) tests/unit/embedded

# Replays what the fuzzer has found worth keeping.
replay_corpora = $(foreach name,$(fuzz_names),$(proven) $(engine)/$(1)/proof/model/$(name) :: --corpus $(corpora)/$(name) &&) true

# The one that has real threads at once is not driven by choices.
driven_of = $(filter-out %/threads,$(call model_of,$(1)))

check-model: $(call model_of,gcc) $(call model_of,debug) $(if $(QUICK),,$(fuzz_names:%=$(engine)/gcc/fuzz-%.o)) ## the models, release and debug (QUICK=1: a quarter of the steps)
	$(proven) $(call driven_of,gcc) $(call driven_of,debug) $(if $(QUICK),:: --steps 10000)
	$(proven) $(filter %/threads,$^)
	@$(call replay_corpora,gcc)

check-mutate: $(call mutate_of,gcc) ## the checkers notice every mutation
	$(proven) $^

states_of = $(engine)/$(1)/proof/states/buddy_states

check-states: $(call states_of,gcc) $(if $(QUICK),,$(call states_of,asan)) ## every state of a buddy of 16 leaves, every operation (QUICK=1: of 8)
	$(proven) $^ $(if $(QUICK),:: 8)

explored_of = $(patsubst tests/%.c,$(engine)/$(1)/%,$(filter-out %/explore.c,$(wildcard tests/proof/interleavings/*.c)))

check-interleavings: $(call explored_of,steps) $(call explored_of,steps_tsan) ## every order of what threads do at once
	$(proven) $(call explored_of,steps)
	$(prove) -j2 -e '$(fixed)' $(call explored_of,steps_tsan)

ifeq ($(have_clang),)
check-clang:
	@echo "$@: skipped: no clang"
else
check-clang: $(call unit_of,clang) $(call model_of,clang) $(call mutate_of,clang) ## units, models and mutations built by clang
	$(proven) $^
endif

check-asan: $(call unit_of,asan) $(if $(QUICK),,$(call model_of,asan) $(call mutate_of,asan)) ## the same under Address- and UndefinedBehaviorSanitizer
	$(proven) $^
	@$(if $(QUICK),,$(call replay_corpora,asan))

# Not those that change a page of 4 KB themselves.
paged_of = $(filter-out %/altered %/watch,$(call unit_of,$(1))) $(call mutate_of,$(1)) $(filter-out %/buddy_model %/threads,$(call model_of,$(1)))

check-pages: $(call paged_of,page16k) $(call paged_of,page64k) ## units, models and mutations as under a kernel with pages of 16 and of 64 KB
	$(proven) $(filter-out $(foreach size,page16k page64k,$(call model_of,$(size))),$^)
	$(proven) $(filter $(foreach size,page16k page64k,$(call model_of,$(size))),$^) :: --steps 10000

check-tsan: $(call unit_of,tsan) $(engine)/tsan/proof/model/threads ## units and threads under ThreadSanitizer
	$(prove) -j2 -e '$(fixed)' $^

ifeq ($(have_fuzzer),)
check-fuzz fuzz fuzz-merge:
	@echo "$@: skipped: no libFuzzer (clang and libclang-rt-14-dev)"
else
check-fuzz: $(fuzz_names:%=$(engine)/fuzz/proof/model/%) ## the models fed by libFuzzer, half a minute in all
	@rm -rf $(fuzz_names:%=$(finds)/check/%)
	@mkdir -p $(finds)/check
	$(prove) -e '' tests/proof/model/fuzz.sh :: buddy_model 600 6 $(finds)/check/buddy_model
	$(prove) -e '' tests/proof/model/fuzz.sh :: turns 400 24 $(finds)/check/turns
endif

check-golden: libbuddymalloc.so ## layers, sizes, the fast path, the version, names in the docs; what make promises
	$(if $(QUICK),BM_QUICK=1) $(prove) -j2 tests/meta/golden tests/meta/make

##@ Tests that are not part of check

ifneq ($(have_fuzzer),)
fuzz: $(fuzz_names:%=$(engine)/fuzz/proof/model/%) ## check-fuzz for MINUTES=60; what is new stays in build/fuzz
	@mkdir -p $(finds)
	@tests/proof/model/fuzz.sh buddy_model 600 $$(($(or $(MINUTES),60) * 12)) $(finds)/buddy_model
	@tests/proof/model/fuzz.sh turns 400 $$(($(or $(MINUTES),60) * 48)) $(finds)/turns
	@echo "make fuzz-merge takes what is new over into $(corpora)"

fuzz-merge: $(fuzz_names:%=$(engine)/fuzz/proof/model/%) ## makes the corpus anew from itself and build/fuzz
	@$(foreach name,$(fuzz_names),tests/proof/model/merge.sh $(engine)/fuzz/proof/model/$(name) $(corpora)/$(name) $(finds)/$(name) &&) true
endif

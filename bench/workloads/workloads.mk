# workloads.mk: `make bench-workloads` builds each bench/workloads/NAME.c or .cc into build/bench/NAME.

bench_programs := $(patsubst bench/workloads/%,build/bench/%,$(basename \
	          $(wildcard bench/workloads/*.c bench/workloads/*.cc)))

.PHONY: bench-workloads
bench-workloads: $(bench_programs) ## the programs of the benchmark, into build/bench

build/bench/%: bench/workloads/%.c bench/workloads/workloads.mk flags.mk
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) $(bench_flags) -MMD -MP -o $@ $< -lm

build/bench/%: bench/workloads/%.cc bench/workloads/workloads.mk flags.mk
	@mkdir -p $(@D)
	@echo "  CXX $@"; $(CXX) $(bench_cxx_flags) -MMD -MP -o $@ $< -lm

dependencies += $(bench_programs:%=%.d)

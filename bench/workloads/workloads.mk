# workloads.mk: `make bench-workloads` builds each bench/workloads/NAME.c or .cc into build/bench/NAME.

# -fno-builtin-…: the compiler must not drop a malloc and the free of it, nor turn one into a calloc.
bench_flags := -O2 -g $(foreach call,malloc calloc realloc free posix_memalign,-fno-builtin-$(call)) \
	       -D_GNU_SOURCE -Wall -Wextra -Wundef -Wshadow -Wconversion -pthread
bench_programs := $(patsubst bench/workloads/%,build/bench/%,$(basename \
	          $(wildcard bench/workloads/*.c bench/workloads/*.cc)))

.PHONY: bench-workloads
bench-workloads: $(bench_programs) ## the programs of the benchmark, into build/bench

build/bench/%: bench/workloads/%.c bench/workloads/workloads.mk
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) -std=gnu11 $(bench_flags) -Wmissing-prototypes $(BENCH_CFLAGS) -MMD -MP -o $@ $< -lm

build/bench/%: bench/workloads/%.cc bench/workloads/workloads.mk
	@mkdir -p $(@D)
	@echo "  CXX $@"; $(CXX) -std=gnu++17 $(bench_flags) $(BENCH_CFLAGS) -MMD -MP -o $@ $< -lm

-include $(bench_programs:%=%.d)

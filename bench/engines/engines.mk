# engines.mk: the simple allocators of the bench, and a meter for the others (next). Included by the Makefile, whose
# $(build), $(library_flags) and rule for objects it uses. Each is one engine file, the shim and the ledger, and what it needs
# of src/.

engines       := bump firstfit firstfit-unsorted buddy fibonacci next
engine_libs   := $(engines:%=build/engines/lib%.so)
engine_shared := $(addprefix $(build)/,bench/engines/shim.o bench/engines/slack.o src/ground/os.o src/ground/kernel.o src/ground/base.o)

.PHONY: engines
engines: $(engine_libs) build/engines/check ## the simple allocators of the bench, as build/engines/lib*.so

$(build)/bench/engines/firstfit-unsorted.o: bench/engines/firstfit.c $(build)/flags
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) $(library_flags) -DSORTED=0 -MMD -MP -c -o $@ $<

build/engines/libbuddy.so: $(build)/src/back/buddy.o

$(engine_libs): build/engines/lib%.so: $(build)/bench/engines/%.o $(engine_shared) build/last
	@mkdir -p $(@D)
	@echo "  LD  $@"; $(CC) $(library_flags) -shared -Wl,-soname,$(@F) -Wl,-z,now,-z,relro,-z,initfirst \
		-o $@ $(filter %.o,$^) -pthread -ldl

build/engines/check: tests/meta/engines/check.c $(build)/flags
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) $(library_flags) -Itests -MMD -MP -MF $@.d -pthread -o $@ $<

dependencies += $(engines:%=$(build)/bench/engines/%.d) $(engine_shared:.o=.d) build/engines/check.d

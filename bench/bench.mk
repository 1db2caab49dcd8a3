# bench.mk: `make bench` and what belongs to it; included by the Makefile.

bench_python  := /usr/bin/python3 -B
bench_tools   := build/bench-tools/launch build/bench-tools/pair
# An allocator that is not built is skipped by name: the simple ones are wanted only when they are asked for.
bench_engines := $(if $(filter engines bump buddy fibonacci firstfit%,$(ALLOC)),engines)
# Words of the caller reach the shell as data, never as commands.
export BENCH_ONLY = $(ONLY)
export BENCH_ALLOC = $(ALLOC)
bench_options := $(if $(QUICK),--quick) $(if $(SMOKE),--smoke) $(if $(RUNS),--runs=$(RUNS)) $(if $(OUT),--out='$(OUT)') \
	         $(if $(SYSCALLS),--syscalls)

.PHONY: bench bench-ready bench-list bench-report bench-publish bench-compare bench-install

bench: bench-ready all bench-workloads $(bench_tools) $(bench_engines) ## time and memory of programs under us and each rival (QUICK=1 SMOKE=1 ONLY='python redis' RUNS=n ALLOC='name=path …')
	@$(bench_python) bench/run/bench.py $(bench_options) --only="$$BENCH_ONLY" --alloc="$$BENCH_ALLOC"
	@$(bench_python) bench/report/report.py $(if $(OUT),--results='$(OUT)' --out='$(OUT)')

# Asked before anything is built: a run of 40 minutes must not end without its page.
bench-ready:
	@$(bench_python) bench/report/report.py --ready

bench-list: bench-workloads $(bench_tools) ## the names ONLY= takes
	@$(bench_python) bench/run/bench.py --list

bench-report: ## draw the page, the picture and the table of RESULT=file (default: the newest), beside it or into OUT=folder
	@$(bench_python) bench/report/report.py $(if $(RESULT),'$(RESULT)') $(if $(OUT),--out='$(OUT)')

bench-publish: ## put RESULT=file (default: the newest run) into bench/results, its page, picture and table into bench
	@$(bench_python) bench/report/publish.py $(if $(RESULT),'$(RESULT)')

bench-compare: ## what changed from OLD=a.json to NEW=b.json, with the noise considered
	@$(bench_python) bench/run/compare.py $(if $(OLD),'$(OLD)') $(if $(NEW),'$(NEW)')

bench-install: ## what the bench compares, measures and draws with, from Debian
	@bench/install.sh

build/bench-tools/launch: bench/run/launch.c bench/bench.mk flags.mk
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) $(flags) -O2 -static -o $@ $<

build/bench-tools/pair: bench/run/pair.c bench/bench.mk flags.mk
	@mkdir -p $(@D)
	@echo "  CC  $@"; $(CC) $(flags) -O2 $(no_builtins) -o $@ $<

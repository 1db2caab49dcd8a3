#!/bin/bash
# make.t: a parallel build of a hundred C files, archived, linked and run; then a build with nothing to do.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

cat >"$scratch/Makefile" <<'END'
units := $(shell seq -f unit%g 100)
objects := $(units:%=build/%.o)

program: main.c libunits.a ; gcc -O1 main.c libunits.a -o $@
libunits.a: $(objects) ; ar rcsD $@ $^
build: ; mkdir -p $@
build/%.o: %.c | build ; gcc -O1 -Wall -MMD -c $< -o $@
-include $(objects:.o=.d)
END

write_sources() {
	local n
	for n in {1..100}; do
		echo "int unit$n(int);" >>all.h
		printf '\tprintf("%%d\\n", unit%d(12));\n' "$n" >>calls
		printf '#include <string.h>\n#include "all.h"\nint unit%d(int n) {\n' "$n" >"unit$n.c"
		printf '\treturn n < 2 ? %d + (int)strlen("%s") : unit%d(n - 1) + unit%d(n - 2);\n}\n' \
			$n $n $n $((n % 100 + 1)) >>"unit$n.c"
	done
	{ echo '#include <stdio.h>'; echo '#include "all.h"'; echo 'int main(void) {'; cat calls; echo '}'; } >main.c
}

build() {
	write_sources
	run make -s -f "$scratch/Makefile" -j4 && run ./program | cksum && digest libunits.a program || return
	echo 'again:'
	run make -f "$scratch/Makefile" -j4 && touch unit7.c all.h || return
	# All that includes all.h is made again; in which order the four jobs begin is chance.
	run make -f "$scratch/Makefile" -j4 | sort
	digest libunits.a program
	run make -f "$scratch/Makefile" -pn | grep -c '^build/unit'
}
need 'make -j4: a hundred C files' make gcc ar && twice 'make -j4: a hundred C files' build

done_testing

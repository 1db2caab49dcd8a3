#!/bin/bash
# golden.t: what the house decided about its own shape, kept true: layers, sizes, the fast path, one place for
# the version, and names in the docs that exist. BM_QUICK=1 leaves out what needs valgrind.
# shellcheck disable=SC2154
. "$(dirname "$0")/../../lib.sh"

built=$(dirname "$(realpath "$lib")") # its objects lie beside it

here=$tests/meta/golden
cd "$root" || exit 1

none() { # NAME: offenders on stdin, one a line; there must be none
	cat >"$scratch/offenders"
	[ ! -s "$scratch/offenders" ]
	ok $? "$1"
	sed 's/^/#   /' "$scratch/offenders"
}

# ---- layers ----

layers=(ground back middle policy guard front observe) # from the lowest up

layer() { # PATH: the number of its folder
	local i
	for i in "${!layers[@]}"; do [[ $1 != src/"${layers[i]}"/* ]] || echo "$i"; done
}

module() { # PATH: what it is a part of: src/back/chunk of chunk.c, chunk_state.h and chunk_check.c
	sed -E 's/\.[ch]$//; s/_(state|check)$//' <<<"$1"
}

level() { # FILE: the N of "(level N)" in its first line, or 99
	local file=$1
	if [ "$file" = include/buddy.h ]; then file=src/back/buddy.c; fi # public: its level is that of its source
	sed -n '1s/.*(level \([0-9]*\)).*/\1/p' "$file" | grep . || echo 99
}

included() { # FILE...: the headers of ours that they include, as paths from the root
	sed -n 's/^#include "\(.*\)"$/\1/p' "$@" | sort -u | sed 's|^buddy\.h$|include/&|; t; s|^|src/|'
}

own() { # FILE HEADER: whether both are of one module
	local header=$2
	if [ "$header" = include/buddy.h ]; then header=src/back/buddy.h; fi
	[ "$(module "$1")" = "$(module "$header")" ]
}

outside_layers() {
	find src -name '*.[ch]' | while read -r file; do [ -n "$(layer "$file")" ] || echo "$file"; done
}

includes_up() { # the folder's own files and those of lower ones
	local file header
	for file in src/*/*.[ch]; do
		for header in $(included "$file"); do
			if [ "$header" = include/buddy.h ]; then header=src/back/buddy.h; fi
			[ "$(layer "$header")" -le "$(layer "$file")" ] || echo "$file includes $header"
		done
	done
}

calls_up() { # of the library's objects, by what the linker has to find for them
	local objects i
	objects=$built/src
	for i in "${!layers[@]}"; do
		nm -A "$objects/${layers[i]}"/*.o | sed "s|^$objects/||" | awk -v layer="$i" '{ print layer, $0 }'
	done | awk '
		{ name = $NF; file = $2; sub(/:.*/, "", file) }
		$(NF - 1) ~ /^[TDBRVWC]$/ { defined[name] = $1; where[name] = file }
		$(NF - 1) == "U" { wanted[++n] = name; by[n] = file; from[n] = $1 }
		END { for (i = 1; i <= n; i++) if (wanted[i] in defined && defined[wanted[i]] > from[i])
			print by[i] " uses " wanted[i] " of " where[wanted[i]] }'
}

false_levels() { # true: 0 without a header of another module, else one more than the highest of these
	local file header true_level
	for file in src/*/*.[ch]; do
		true_level=0
		# shellcheck disable=SC2046
		for header in $(included "$(module "$file")"*.[ch]); do
			own "$file" "$header" || [ "$(level "$header")" -lt "$true_level" ] || true_level=$(($(level "$header") + 1))
		done
		[ "$(level "$file")" -eq "$true_level" ] || echo "$file says level $(level "$file"), its includes say $true_level"
	done
}

impure() { # the pure ones: lists and arithmetic alone, and of the C library what is there without an operating system
	local file header
	for file in src/back/{buddy,bitmap}*.[ch] src/middle/{slab,sizeclass}*.[ch] include/buddy.h; do
		for header in $(included "$file"); do
			own "$file" "$header" || [[ $header =~ ^src/ground/(base|list)\.h$ ]] || echo "$file includes $header"
		done
		grep -H '^#include <' "$file" | grep -v '<std\(int\|def\|bool\).h>'
	done
	grep -H '^#include "' src/back/buddy*.c include/buddy.h | grep -v '"buddy.h"'
}

state_elsewhere() { # what only a module and its checker may know
	local file header
	for file in src/*/*.[ch] preload/*.[ch]; do
		for header in $(included "$file"); do
			[[ $header != *_state.h ]] || own "$file" "$header" || echo "$file includes $header"
		done
	done
}

same_names() { # functions of one name in two places
	cat src/*/*.[ch] preload/*.[ch] | sed -n 's/^[a-zA-Z_][^=;(]*[ *]\([a-z_0-9]*\)(.*) {.*/\1/p' | sort | uniq -d
}

none "every file of src lies in a folder of a layer" < <(outside_layers)
none "a folder includes itself and lower ones" < <(includes_up)
none "no call goes up" < <(calls_up)
[ "$(nm "$built"/src/*/*.o | grep -c ' U ')" -gt 100 ]
ok $? "and there are calls"
none "the level that a file says is the true one" < <(false_levels)
none "buddy, bitmap, slab and sizeclass are pure" < <(impure)
none "a module's state is its own" < <(state_elsewhere)
none "a function's name exists once" < <(same_names)
none "no source is included" < <(grep -rn --include='*.[ch]' '^#include.*\.c[">]' src preload include tests)
! nm "$lib" 2>/dev/null | grep -q '_check$' || [ "${built##*/}" = debug ]
ok $? "no checker is in the released library"

# ---- sizes ----

long_functions() { # clang-format puts a function's first line and its closing brace at the margin
	awk 'FNR == 1 { open = 0 }
		/^[^ \t#\/}].*\) \{$/ { open = FNR; head = $0 }
		/^}/ && open { if (FNR - open + 1 > 60) print FILENAME ":" open ": " FNR - open + 1 " lines: " head; open = 0 }' \
		src/*/*.[ch] preload/*.[ch]
}

none "no function is longer than 60 lines" < <(long_functions)
[ "$(awk '/^[^ \t#\/}].*\) \{$/' src/*/*.c | wc -l)" -gt 150 ]
ok $? "which were found: $(awk '/^[^ \t#\/}].*\) \{$/' src/*/*.[ch] preload/*.[ch] | wc -l) functions"
count_lines() { cat "$@" | grep -vcE '^[[:space:]]*(/\*|\*( |/|$)|$)'; } # besides comments and blank ones
# What keeps the heap right in other code's company: beside a program's own calls for mappings, and dlopen.
company=(src/ground/{kernel,altered}.[ch] src/guard/watch.[ch] preload/{mappings,dlopen}.c)
core() { ls src/*/*.[ch] preload/*.[ch] | grep -vE '_check\.c$|/(guard|mark|memcheck|account|figures)\.[ch]$' | grep -vxF "$(printf '%s\n' "${company[@]}")"; }
# shellcheck disable=SC2046
lines=$(count_lines $(core)) guarding=$(count_lines src/guard/{guard,mark,memcheck}.*) beside=$(count_lines "${company[@]}")
[ "$guarding" -le 650 ] && [ "$lines" -le 3832 ] && [ "$beside" -le 520 ]
ok $? "src and preload without guard, checkers and figures read in an evening: $lines lines, at most 3832, a number that may only fall; $guarding of the guard and the marks, at most 650; and $beside of what keeps the heap right in other code's company, at most 520"

# ---- the version ----

texts() {
	git ls-files -co --exclude-standard 2>/dev/null || find . -type f -not -path './build/*' -not -name '*.so' -not -name '*.a'
}

written_again() {
	local version file
	version=$(sed 's/\./\\./g' VERSION)
	# What was measured names the version it was measured on.
	texts | sed 's|^\./||' | grep -v '^VERSION$\|^build/\|^bench/results/\|^bench/report.html$' | while read -r file; do
		[ ! -f "$file" ] || grep -IHnE "(^|[^0-9.])$version([^0-9.]|\$)" "$file"
	done
}

none "the version $(cat VERSION) is written in VERSION alone" < <(written_again)

# ---- the docs ----

modules=$(basename -a -s .c src/*/*.c | paste -sd'|')

unknown_names() { # files, name(), and module_name in backticks that are nowhere in the tree
	local name
	# shellcheck disable=SC2016
	grep -o '`[^`]*`' docs/design.md | tr -d '`' | sort -u | while read -r name; do
		if [[ $name =~ ^[a-z0-9_/.-]+\.(c|h|t|sh|mk|map)$ ]]; then
			[ -e "$name" ] || [ -n "$(find src preload include tests bench -name "$name" 2>/dev/null)" ]
		elif [[ $name =~ ^[a-z_0-9]+\(\)$ || $name =~ ^($modules)_[a-z_0-9]+$ ]]; then
			grep -rqw --include='*.[ch]' "${name%()}" src preload include tests
		fi || echo "$name"
	done
}

if [ -f docs/design.md ]; then
	none "every name of ours in docs/design.md exists" < <(unknown_names)
else
	skip "every name of ours in docs/design.md exists" "there is no docs/design.md yet"
fi

# ---- the fast path ----

instructions() { # SIZE N: executed by fastpath
	LD_PRELOAD='' valgrind --tool=callgrind --callgrind-out-file="$scratch/callgrind" "$scratch/fastpath" "$1" "$2" \
		2>"$scratch/valgrind" >&2
	sed -n 's/^\(summary\|totals\): //p' "$scratch/callgrind" | head -1
}

compiler() { # of the library: gcc-12
	readelf -p .comment "$lib" | sed -n 's/.*GCC: (.*) \([0-9]*\).*/gcc-\1/p; s/.*clang version \([0-9]*\).*/clang-\1/p' | tail -1
}

fast_path() { # SIZE
	local name="malloc and free of $1 bytes" golden few many number
	golden=$(awk -v c="$(compiler)" -v m="$(uname -m)" -v s="$1" '$1 == c && $2 == m && $3 == s { print $4 }' "$here/fastpath.txt")
	few=$(instructions "$1" 1000) many=$(instructions "$1" 11000)
	number=$(((many - few + 5000) / 10000))
	if [ -z "$golden" ]; then
		skip "$name: $number instructions" "no golden number for $(compiler) on $(uname -m)"
		return
	fi
	[ "$number" -gt 0 ] && [ "$number" -le "$golden" ]
	ok $? "$name: $number instructions, golden $golden"
	[ "$number" -gt 0 ] || sed 's/^/#   /' "$scratch/valgrind"
	if [ "$number" -lt "$golden" ]; then echo "#   fewer: write $number into tests/meta/golden/fastpath.txt"; fi
}

build_fastpath() { gcc -O1 -fno-builtin -o "$scratch/fastpath" "$here/fastpath.c" "$lib" -Wl,-rpath,"$(dirname "$lib")"; }

if [ -n "${BM_QUICK:-}" ]; then
	skip "the fast path" "BM_QUICK is set"
elif ! have valgrind; then
	skip "the fast path" "no valgrind"
elif [ ! -f "$lib" ]; then
	skip "the fast path" "no $lib"
elif grep -q 'assertion failed' "$lib"; then
	skip "the fast path" "the library is a debug build"
elif ! build_fastpath; then
	ok 1 "fastpath.c is built"
else
	fast_path 32
	fast_path 1024
fi
done_testing

#!/bin/bash
# golden.t: what the house decided about its own shape, kept true: layers, sizes, the fast path, one place for
# the version, and names in the docs that exist. BM_QUICK=1 leaves out what needs valgrind.
# shellcheck disable=SC2154
. "$(dirname "$0")/../lib.sh"

here=$tests/golden
cd "$root" || exit 1

none() { # NAME: offenders on stdin, one a line; there must be none
	cat >"$scratch/offenders"
	[ ! -s "$scratch/offenders" ]
	ok $? "$1"
	sed 's/^/#   /' "$scratch/offenders"
}

# ---- layers ----

rank() { # FILE: the N of "(rank N)" in its first line, or 99
	local file=$1
	if [ "$file" = include/buddy.h ]; then file=src/buddy.c; fi # public: its rank is that of its source
	sed -n '1s/.*(rank \([0-9]*\)).*/\1/p' "$file" | grep . || echo 99
}

included() { # FILE: the files of ours that it includes, as paths from the root
	local name
	sed -n 's/^#include "\(.*\)".*/\1/p' "$1" | while read -r name; do
		realpath -m --relative-to=. "$(dirname "$1")/$name"
	done
}

own() { # FILE HEADER: whether it is the file's own header
	[ "$(basename "${1%.*}")" = "$(basename "${2%.*}")" ]
}

without_rank() {
	local file
	for file in src/*.[ch]; do
		[ "$(rank "$file")" != 99 ] || echo "$file"
		[ ! -e "${file%.c}.h" ] || [ "$(rank "$file")" = "$(rank "${file%.c}.h")" ] || echo "$file and its header differ"
	done
}

not_lower() { # base.h is what all of rank 0 stand on
	local file header
	for file in src/*.[ch]; do
		for header in $(included "$file"); do
			own "$file" "$header" || [ "$(rank "$header")" -lt "$(rank "$file")" ] ||
				{ [ "$header" = src/base.h ] && [ "$(rank "$file")" -eq 0 ]; } ||
				echo "$file (rank $(rank "$file")) includes $header (rank $(rank "$header"))"
		done
	done
}

impure() { # the pure ones: rank 0 alone, and of the C library what is there without an operating system
	local file header
	for file in src/{buddy,slab,sizeclass,bitmap}.[ch] include/buddy.h; do
		[ -e "$file" ] || continue
		for header in $(included "$file"); do
			own "$file" "$header" || [ "$(rank "$header")" -eq 0 ] || echo "$file includes $header"
		done
		grep -H '^#include <' "$file" | grep -v '<std\(int\|def\|bool\).h>'
	done
	grep -H '^#include "' src/buddy.c include/buddy.h | grep -v '"../include/buddy.h"'
}

foreign_to_preload() {
	local file header
	for file in preload/*.[ch]; do
		for header in $(included "$file"); do
			case $header in src/*.h | preload/*.h) ;; *) echo "$file includes $header" ;; esac
		done
	done
}

none "every file of src says its rank, as its header does" < <(without_rank)
none "every file includes lower ranks only" < <(not_lower)
none "buddy, slab and sizeclass are pure" < <(impure)
none "preload includes src and itself only" < <(foreign_to_preload)
none "no source is included" < <(grep -rn --include='*.[ch]' '^#include.*\.c[">]' src preload include tests)

# ---- sizes ----

long_functions() { # clang-format puts a function's first line and its closing brace at the margin
	awk 'FNR == 1 { open = 0 }
		/^[^ \t#\/}].*\) \{$/ { open = FNR; head = $0 }
		/^}/ && open { if (FNR - open + 1 > 60) print FILENAME ":" open ": " FNR - open + 1 " lines: " head; open = 0 }' \
		src/*.[ch] preload/*.[ch]
}

none "no function is longer than 60 lines" < <(long_functions)
[ "$(awk '/^[^ \t#\/}].*\) \{$/' src/*.c | wc -l)" -gt 150 ]
ok $? "which were found: $(awk '/^[^ \t#\/}].*\) \{$/' src/*.[ch] preload/*.[ch] | wc -l) functions"
count_lines() { cat "$@" | grep -vcE '^[[:space:]]*(/\*|\*( |/|$)|$)'; } # besides comments and blank ones
lines=$(count_lines src/* preload/*) guarding=$(count_lines src/guard.[ch] src/memcheck.h)
[ "$guarding" -le 600 ] && [ $((lines - guarding)) -le 4000 ]
ok $? "src and preload read in an evening: $((lines - guarding)) lines, at most 4000, and $guarding that only debugging enters, at most 600"

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

modules=$(basename -a -s .c src/*.c | paste -sd'|')

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
	if [ "$number" -lt "$golden" ]; then echo "#   fewer: write $number into tests/golden/fastpath.txt"; fi
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

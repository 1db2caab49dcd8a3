#!/bin/bash
# make.t: what the Makefile and its scripts promise: make help names every target, make test refuses what it does not know and
# says what there is, make compile_commands.json compiles, make install copies files that programs can be built with, make check goes on and sums up.
# shellcheck disable=SC2154
. "$(dirname "$0")/../../lib.sh"

cd "$root" || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL
quiet_make() { make -s --no-print-directory "$@"; }

told() { # FILE: why, on stderr
	sed 's/^/#   /' "$1" | head -n 20 >&2
}

# ---- help ----

inner=(FORCE bench-ready) # prerequisites of others
make -pRrq help 2>/dev/null | sed -n 's/^\.PHONY: //p' | tr ' ' '\n' | sort -u >"$scratch/targets"
quiet_make help | sed -n 's/^  make \([^ ]*\) .*/\1/p' | sort -u >"$scratch/told"
[ "$(wc -l <"$scratch/targets")" -gt 30 ]
ok $? "the Makefile has $(wc -l <"$scratch/targets") targets that are not files"
comm -23 "$scratch/targets" "$scratch/told" | grep -vxF -f <(printf '%s\n' "${inner[@]}") >"$scratch/missing"
[ ! -s "$scratch/missing" ]
ok $? "make help names each of them"
told "$scratch/missing"

# ---- one test ----

refused() { # NAME PATTERN ARGUMENT...: exit status 2, with the pattern on stderr, and nothing on stdout
	local name=$1 pattern=$2
	shift 2
	tests/one.sh "$@" >"$scratch/out" 2>"$scratch/err"
	[ $? -eq 2 ] && grep -q -- "$pattern" "$scratch/err" && [ ! -s "$scratch/out" ]
	ok $? "$name"
}
refused 'make test of an unknown name: status 2, and the names there are' 'unit/slab.*' unit/nothing
refused 'make test of no name: the same' 'process/preload/fork' ''
refused 'make test with an unknown variant: status 2, and the variants there are' 'gcc.*asan' unit/slab msan
refused 'make test with a variant that this test has not' 'gcc' process/preload/fork asan

tests/one.sh '' 2>&1 | tr -s '[:space:]' '\n' >"$scratch/names"
grep -oh 'T=[a-z][a-z_/]*' CONTRIBUTING.md docs/testing.md | sed 's/^T=//' | sort -u | grep -vxF -f "$scratch/names" >"$scratch/unknown"
[ ! -s "$scratch/unknown" ]
ok $? "every test that CONTRIBUTING.md and docs/testing.md name is there"
told "$scratch/unknown"
# shellcheck disable=SC2016
grep -oh '`[^` ]*/[^` ]*`' CONTRIBUTING.md docs/testing.md | tr -d '`' | grep -E '^(src|preload|include|bench|tests|tools)/' | grep -v STEP | sort -u |
	while read -r path; do compgen -G "$path" >/dev/null || echo "$path"; done >"$scratch/unknown"
[ ! -s "$scratch/unknown" ]
ok $? "and every file and folder"
told "$scratch/unknown"

# ---- compile_commands.json ----

cat >"$scratch/commands.py" <<'END'
import json, shlex, subprocess, sys
commands = {one["file"]: one for one in json.load(open("compile_commands.json"))}
for file in sys.stdin.read().split():
    if file not in commands:
        sys.exit("missing: " + file)
for file in sys.argv[1:]:
    words = shlex.split(commands[file]["command"])
    subprocess.run(words + ["-fsyntax-only"], cwd=commands[file]["directory"], check=True)
END
samples=(src/back/buddy.c preload/libc.c tests/unit/slab.c tests/proof/model/turns.c tests/proof/interleavings/lock.c
	tests/process/preload/small.c tests/soak/soak.c)
if have python3; then
	quiet_make compile_commands.json && find src preload tests/unit tests/proof -name '*.c' -not -path '*/embedded/*' |
		python3 "$scratch/commands.py" "${samples[@]}" >"$scratch/out" 2>&1
	ok $? "make compile_commands.json has every file of src, preload, tests/unit, tests/proof, and compiles"
	told "$scratch/out"
else
	skip "make compile_commands.json" "no python3"
fi

# ---- lists of dependencies ----

# One of each kind, in a copy of the tree: what is built there, and the source it was built from.
sources=(
	build/release/src/ground/base.o src/ground/base.c
	build/tests/engine/gcc/src/ground/base.o src/ground/base.c
	build/tests/engine/gcc/fuzz-buddy_model.o tests/proof/model/buddy_model.c
	build/tests/process/preload/small tests/process/preload/small.c
	build/bench/big bench/workloads/big.c
	build/engines/check tests/meta/engines/check.c
)
copy=$scratch/copy
make_copy() { quiet_make -C "$copy" "$@" >"$scratch/out" 2>&1; }
list_of() { # TARGET
	echo "$copy/${1%.o}.d"
}

# As if each source and a header had been moved between two runs of make: the list names what is not there, and has no rules.
moves_stop_nothing() {
	local i target list
	make_copy "${targets[@]}" || return
	for ((i = 0; i < ${#sources[@]}; i += 2)); do
		list=$(list_of "${sources[i]}")
		grep -q " ${sources[i + 1]}" "$list" || { echo "$list does not name ${sources[i + 1]}" >"$scratch/out" && return 1; }
		sed -i "s|${sources[i + 1]}|moved/since/it.c|; /^[^ ]*:\$/d; s|include/buddy.h|moved/since/it.h|" "$list"
	done
	make_copy "${targets[@]}" || return
	for target in "${targets[@]}"; do ! grep -H moved/since "$(list_of "$target")" >"$scratch/out" || return; done
	make_copy "${targets[@]}" && [ ! -s "$scratch/out" ]
}

targets=()
for ((i = 0; i < ${#sources[@]}; i += 2)); do targets+=("${sources[i]}"); done
mkdir "$copy"
cp -r Makefile flags.mk VERSION src include preload tests bench "$copy"
moves_stop_nothing
ok $? "a list of dependencies that names what was moved since stops nothing: ${#targets[@]} kinds of what is built are built anew, once"
told "$scratch/out"

# ---- a unit test without cmocka ----

mkdir "$scratch/hiding"
echo '#error hidden' >"$scratch/hiding/cmocka.h"
! CPATH=$scratch/hiding "$copy/tests/one.sh" unit/list >"$scratch/out" 2>&1 && grep -q 'needs cmocka.h.*tests/install.sh quick' "$scratch/out" && ! grep -q hidden "$scratch/out"
status=$?
ok $status "make test of a unit test where cmocka is missing says so, and what installs it, instead of the compiler"
[ $status -eq 0 ] || told "$scratch/out"

# ---- install ----

if [ -e libbuddymalloc.so ] && [ -e libbuddymalloc-hardened.so ] && [ -e libbuddymalloc.a ]; then
	installed=$scratch/root/usr/lib
	quiet_make -o all install DESTDIR="$scratch/root" PREFIX=/usr >"$scratch/out" 2>&1
	ok $? "make install DESTDIR=FOLDER"
	[ ! -L "$installed/libbuddymalloc.so.$(cat VERSION)" ] && cmp -s "$installed/libbuddymalloc.so" libbuddymalloc.so &&
		[ ! -L "$installed/libbuddymalloc.a" ] && LD_PRELOAD=$installed/libbuddymalloc.so true
	ok $? "what is installed are files, not links into the tree"
	cat >"$scratch/use.c" <<-'END'
		#include <buddy.h>
		#include <buddymalloc.h>
		int main(void) { return bm_stats_print(1, BM_STATS_JSON); }
	END
	cat >"$scratch/weak.c" <<-'END'
		#include <buddymalloc.h>
		#pragma weak bm_stats_print
		int main(void) { return bm_stats_print ? bm_stats_print(1, BM_STATS_JSON) : 3; }
	END
	cp "$scratch/use.c" "$scratch/use.cc"
	strict="-Wall -Wextra -Wpedantic -Werror -I$scratch/root/usr/include"
	for compiler in 'gcc use.c -std=c99' 'clang use.c' 'g++ use.cc -std=c++98' 'clang++ use.cc'; do
		read -r command source standard <<<"$compiler"
		have "$command" || { skip "what is installed serves $command" "no $command" && continue; }
		# shellcheck disable=SC2086
		"$command" $standard $strict -o "$scratch/use" "$scratch/$source" -L"$installed" -lbuddymalloc -Wl,-rpath,"$installed" >"$scratch/out" 2>&1 &&
			"$scratch/use" | grep -q '^{"resident":[1-9]'
		ok $? "what is installed serves $compiler"
		told "$scratch/out"
	done
	for compiler in gcc 'gcc -no-pie' 'clang -pie -fPIE'; do
		have "${compiler%% *}" || { skip "bm_stats_print, weak: $compiler" "no ${compiler%% *}" && continue; }
		# shellcheck disable=SC2086
		$compiler $strict -o "$scratch/weak" "$scratch/weak.c" && LD_PRELOAD=$installed/libbuddymalloc.so "$scratch/weak" | grep -q '^{"resident":[1-9]'
		ok $? "bm_stats_print, weak: $compiler"
	done
	"$scratch/weak"
	[ $? -eq 3 ]
	ok $? "without the library it is not there"
	quiet_make uninstall DESTDIR="$scratch/root" PREFIX=/usr >"$scratch/out" 2>&1 && [ -z "$(find "$scratch/root" ! -type d)" ]
	ok $? "make uninstall leaves no file"
else
	skip "make install" "the libraries are not built"
fi

# ---- check ----

# In place of make: group bad fails in a test, group broken has none and fails, group none has no tests.
cat >"$scratch/make" <<'END'
#!/bin/bash
case ${*: -1} in
check-good) printf 'count 3 0 1\nskip a check\tno reason\n' >>"$BM_TALLY" ;;
check-bad) printf 'count 2 1 0\n' >>"$BM_TALLY"; echo 'not ok 3 - the moon is green'; exit 1 ;;
check-broken) echo 'the compiler has no words'; exit 2 ;;
check-none) echo 'check-none: skipped: no moon' ;;
esac
END
chmod +x "$scratch/make"
BM_LOGS=$scratch/logs MAKE=$scratch/make tests/check.sh good bad broken none good >"$scratch/out" 2>"$scratch/err"
[ $? -eq 1 ]
ok $? "a check with groups that fail ends with 1"
[ "$(tail -n 1 "$scratch/out")" = '9 passed, 2 failed, 3 skipped' ]
ok $? "its last line counts what passed, failed and was skipped: $(tail -n 1 "$scratch/out")"
grep -q 'moon is green' "$scratch/err" && grep -q 'no words' "$scratch/err"
ok $? "what failed is said again on stderr"
grep -q 'skipped: no reason: a check' "$scratch/out" && grep -q 'skipped: no moon: check-none' "$scratch/out"
ok $? "reasons of skips are told"
BM_LOGS=$scratch/logs MAKE=$scratch/make tests/check.sh good >"$scratch/out" 2>"$scratch/err" && [ ! -s "$scratch/err" ]
ok $? "a check where nothing fails ends with 0, and says nothing on stderr"
done_testing

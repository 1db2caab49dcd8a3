#!/bin/bash
# one.sh: builds and runs one test, or the tests of one folder: `make test T=TEST V=VARIANT`.
# usage: tests/one.sh TEST [VARIANT]
# TEST is a path below tests without its ending; VARIANT says how what is tested is built (default: gcc).

set -u
cd "$(dirname "$0")/.." || exit 1
engine=build/tests/engine
# make test -j2 has a job server, which what is started here is not part of.
export MAKEFLAGS
MAKEFLAGS=$(sed -E 's/(^| )(-j[0-9]*|--jobserver-[a-z]+=[^ ]*)//g' <<<"${MAKEFLAGS-}")

names() { # FOLDER ENDING...: the files of tests/FOLDER with one of these endings, without it
	local file ending
	for ending in "${@:2}"; do
		for file in tests/"$1"/*."$ending"; do
			[ ! -e "$file" ] || basename "$file" ".$ending"
		done
	done | sed "s|^|$1/|" | sort -u
}

engine_tests() {
	names unit c
	names proof/model c
	names proof/interleavings c | grep -v '/explore$'
	echo proof/mutate
	echo proof/states
}

scripts() { # each test script, and each folder of some; a whole Debian is more than a test
	find tests -name '*.t' -not -path '*/system/*' -printf '%P\n%h\n' | sed 's|^tests/||; s|\.t$||' | sort -u
}

all_tests() {
	engine_tests
	scripts
	names process/preload c cc
	echo soak
}

variants() { # TEST: what it can be built as
	case $1 in
	unit/embedded* | cases* | meta/*) echo gcc ;;
	unit/* | proof/model/threads) echo gcc debug clang asan tsan page16k page64k ;;
	proof/interleavings/*) echo gcc tsan ;;
	proof/*) echo gcc debug clang asan page16k page64k ;;
	soak) echo gcc debug ;;
	*) echo gcc debug clang ;;
	esac
}

refuse() { # what is allowed, of SENTENCE and WORD...
	echo "$1" >&2
	printf '%s\n' "${@:2}" | column -c 100 >&2
	exit 2
}

make() { command "${MAKE:-make}" -s --no-print-directory -j"$(nproc)" "$@" || exit 1; }

prove() { exec tests/prove.pl "$@"; }

engine_test() { # TEST VARIANT
	local program=$engine/$2/$1 prefix=
	case $1 in
	proof/mutate) program+=/mutate ;;
	proof/states) program+=/buddy_states ;;
	proof/interleavings/*) program=$engine/$(sed 's/gcc/steps/; s/tsan/steps_tsan/' <<<"$2")/$1 ;;
	esac
	if [ "$2" = tsan ] && setarch -R true 2>/dev/null; then prefix='setarch -R'; fi
	make "$program"
	prove -v -e "$prefix" "$program"
}

# The library as VARIANT has it; the variables of make that build it so are left in settings.
build_library() { # VARIANT
	local built=build/release
	settings=()
	case $1 in
	debug) built=build/debug settings=(DEBUG=1) ;;
	clang) built=build/clang settings=(CC=clang build=build/clang) ;;
	esac
	make "${settings[@]}" "$built"/libbuddymalloc{.so,-hardened.so,.a}
	export BM_PRELOAD=$PWD/$built/libbuddymalloc.so
}

programs_beside() { # FOLDER: what its scripts run, as targets
	local name
	for name in $(names "$1" c cc); do echo "build/tests/$name"; done
	case $1 in
	process/gdb) echo build/tests/process/gdb/layout-linked all ;;
	meta/engines) echo engines ;;
	cases) echo bench-workloads build/bench-tools/launch build/bench-tools/pair ;;
	programs/real) echo bench-workloads ;;
	meta/*) echo all ;;
	esac
}

script() { # TEST VARIANT: a script, or those of a folder
	local folder=$1 targets
	[ -d "tests/$1" ] || folder=$(dirname "$1")
	build_library "$2"
	case $folder in process/* | cases | programs/real | meta/*) targets=$(programs_beside "$folder") ;; *) targets= ;; esac
	# shellcheck disable=SC2086 # names without spaces
	[ -z "$targets" ] || make "${settings[@]}" $targets
	if [ -d "tests/$1" ]; then prove "tests/$1"; else prove -v "tests/$1.t"; fi
}

program() { # TEST VARIANT: a program on our heap
	build_library "$2"
	make "build/tests/$1"
	prove -v -e "env LD_PRELOAD=$BM_PRELOAD" "build/tests/$1"
}

soak() { # VARIANT: ten seconds of it
	local program=build/tests/soak/soak
	build_library gcc
	[ "$1" = gcc ] || program=$engine/debug/soak/soak
	make "$program"
	if [ "$1" = gcc ]; then prove -v -e "env LD_PRELOAD=$BM_PRELOAD" "$program" :: 10; else prove -v -e '' "$program" :: 10; fi
}

test=${1-} variant=${2:-gcc}
# shellcheck disable=SC2046 # names without spaces
all_tests | grep -qxF -e "$test" || refuse "make test T=NAME [V=VARIANT]: no test \"$test\"; there are" $(all_tests | sort -u)
# shellcheck disable=SC2046
variants "$test" | grep -qwF -e "$variant" ||
	refuse "make test T=$test V=VARIANT: no variant \"$variant\" of it; there are" $(variants "$test")
if [ "$test" = soak ]; then soak "$variant"; fi
if scripts | grep -qxF -e "$test"; then script "$test" "$variant"; fi
if engine_tests | grep -qxF -e "$test"; then engine_test "$test" "$variant"; fi
program "$test" "$variant"

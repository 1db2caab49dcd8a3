#!/bin/bash
# run.sh: plants the bugs of this folder one at a time, each in a copy of the tree of its own, and runs the suite in
# rising cost until a test fails. Each must be caught. A patch is a sentence that says what it breaks, an empty line and
# a diff. Not run: the tests of real programs, and what takes minutes.
#
# usage: tests/proof/mutants/run.sh [NUMBER...]      (default: all)
#
# The copies lie in build/mutants; that of a bug that was caught is removed. The log of each is build/mutants/NUMBER.log.

set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
work=$root/build/mutants
export LC_ALL=C CI='' BM_TIMEOUT=120
unset MAKEFLAGS MFLAGS MAKELEVEL
fixed=''
setarch -R true 2>/dev/null && fixed='setarch -R' # as tests.mk has it

steps=(unit model mutate preload abuse tsan interleavings)

programs() { # FOLDER VARIANT: the engine's test programs
	local source
	for source in tests/"$1"/*.c; do echo "build/tests/engine/$2/$1/$(basename "${source%.c}")"; done
}

preload_programs() {
	local source
	for source in tests/process/preload/*.c tests/process/preload/*.cc tests/process/abuse/*.c; do echo "build/${source%.*}"; done
}

each() { # PROGRAM...: up to the first that fails or hangs, which is told in FILE failed
	local program
	for program in "$@"; do
		# shellcheck disable=SC2086 # empty, or two words
		timeout -k 5 60 $fixed "$program" </dev/null && continue
		echo "${program#build/tests/engine/}" >"$work/failed"
		return 1
	done
}

script() { # TEST: one of ours in shell
	timeout -k 5 300 bash "$1" </dev/null && return
	echo "$1" >"$work/failed"
	return 1
}

targets() { # STEP: what it needs built
	case $1 in
	unit) programs unit gcc && programs unit debug ;;
	model) programs proof/model gcc && programs proof/model debug ;;
	mutate) programs proof/mutate gcc ;;
	preload | abuse) echo libbuddymalloc.so && preload_programs ;;
	interleavings) programs proof/interleavings steps | grep -v explore && programs proof/interleavings steps_tsan | grep -v explore ;;
	tsan) programs unit tsan && echo build/tests/engine/tsan/proof/model/threads ;;
	esac
}

run() { # STEP
	# shellcheck disable=SC2046 # names without spaces
	case $1 in
	preload) script tests/process/preload/preload.t ;;
	abuse) script tests/process/abuse/abuse.t ;;
	*) each $(targets "$1") ;;
	esac
}

copy_tree() { # TARGET: the files of the tree, as they are now
	mkdir -p "$1"
	(cd "$root" && git ls-files -z -co --exclude-standard ':!bench/results' ':!bench/*.html' | xargs -0 cp --parents -p -t "$1")
}

build() { # STEP
	# shellcheck disable=SC2046
	make -j2 $(targets "$1")
}

# The tree without a bug, built, so that a copy of it builds only what a bug changes. It must pass.
make_base() {
	local step
	rm -rf "$work/base"
	copy_tree "$work/base"
	cd "$work/base" || exit 1
	for step in "${steps[@]}"; do
		if ! { build "$step" && run "$step"; } >>"$work/base.log" 2>&1; then
			echo "without a bug $step fails: see $work/base.log"
			exit 1
		fi
	done
}

# Answers 0 when a test fails, and says which; 1 when none does, or when the bug cannot be planted.
try() { # PATCH
	local patch=$1 name number step
	name=$(basename "$patch" .patch)
	number=${name%%-*}
	rm -rf "${work:?}/$number"
	cp -a "$work/base" "$work/$number"
	cd "$work/$number" || exit 1
	if ! patch -p1 --no-backup-if-mismatch <"$patch" >"$work/$number.log" 2>&1; then
		echo "$name: DOES NOT APPLY to this tree"
		return 1
	fi
	for step in "${steps[@]}"; do
		if ! build "$step" >>"$work/$number.log" 2>&1; then # a bug that no compiler takes is none
			echo "$name: DOES NOT BUILD"
			return 1
		fi
		if ! run "$step" >>"$work/$number.log" 2>&1; then
			echo "$name: caught by $step ($(cat "$work/failed"))"
			cd "$root" && rm -rf "${work:?}/$number"
			return 0
		fi
	done
	echo "$name: SURVIVED: $(head -1 "$patch")"
	return 1
}

mkdir -p "$work"
: >"$work/base.log"
make_base
all=0 caught=0
for patch in "$root"/tests/proof/mutants/[0-9]*.patch; do
	number=$(basename "$patch")
	[ $# -eq 0 ] || [[ " $* " == *" ${number%%-*} "* ]] || continue
	all=$((all + 1))
	try "$patch" && caught=$((caught + 1))
done
echo "$caught of $all caught"
[ $all -gt 0 ] && [ $caught -eq $all ]

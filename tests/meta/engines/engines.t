#!/bin/bash
# shellcheck disable=SC1091,SC2154
# engines.t: the simple allocators of the bench: each passes check.c, and runs real programs with the output of a
# plain run. `make engines` builds what is tested.
. "$(dirname "$0")/../../lib.sh"

here=$tests/meta/engines
built=${BM_BUILD:-$root/build}/engines
seconds=60 # one program takes one or less on an idle machine
declare -A program=([ls]=ls [perl]=perl [python]=python3 [sqlite]=sqlite3 [gcc]=gcc [git]=git [threads]=xz)
works=(ls perl python sqlite gcc git threads)

[ -x "$built/check" ] || {
	echo "1..0 # SKIP not built: make engines"
	exit
}

note() { sed 's/^/# /'; } # stdin as TAP comments

# env sets LD_PRELOAD, so that timeout itself runs without it and can end what hangs.
run() { # NAME LIBRARY WORK: in a new folder at the same path; stdout and its status to files of that name
	rm -rf "$scratch/run"
	mkdir "$scratch/run"
	(cd "$scratch/run" && timeout -k 5 $seconds env ${2:+"LD_PRELOAD=$2"} bash "$here/work.sh" "$3" 10) \
		>"$scratch/$1.out" 2>"$scratch/$1.err" </dev/null
	echo "status $?" >>"$scratch/$1.out"
}

check() { # ENGINE LIBRARY
	local out=$scratch/check.out status results
	timeout -k 5 $seconds env LD_PRELOAD="$2" "$built/check" "$1" >"$out" 2>&1
	status=$?
	results=$(grep -cE '^(not )?ok ' "$out")
	[ $status -eq 0 ] && [ "$results" -gt 0 ] && grep -qx "1..$results" "$out"
	ok $? "$1: check, $results checks, status $status"
	grep -vE '^ok|^1\.\.' "$out" | note
}

for work in "${works[@]}"; do
	have "${program[$work]}" && run "plain-$work" '' "$work"
done

same() { # ENGINE LIBRARY WORK
	local name="$1: $3 as without it" plain=$scratch/plain-$3.out out=$scratch/preload.out
	have "${program[$3]}" || { skip "$name" "no ${program[$3]}"; return; }
	run preload "$2" "$3"
	[ "$(wc -l <"$plain")" -gt 1 ] && grep -qx 'status 0' "$plain" && [ ! -s "$scratch/preload.err" ] &&
		cmp -s "$plain" "$out"
	local good=$?
	ok $good "$name"
	[ $good -eq 0 ] || { diff -a "$plain" "$out"; cat "$scratch/preload.err"; } | head -8 | cut -c -200 | note
}

for engine in bump firstfit firstfit-unsorted buddy fibonacci; do
	lib=$built/lib$engine.so
	timeout $seconds env LD_PRELOAD="$lib" cat /proc/self/maps 2>&1 | grep -qF "$lib"
	ok $? "$engine: can be preloaded"
	check "$engine" "$lib"
	for work in "${works[@]}"; do same "$engine" "$lib" "$work"; done
done
BENCH_SLACK=1 LD_PRELOAD=$built/libbuddy.so sort /dev/null 2>&1 >/dev/null |
	grep -qE '^slack: asked [1-9][0-9]+ bytes, given [1-9][0-9]+ bytes$'
ok $? 'BENCH_SLACK=1: a line with what was asked and given'
done_testing

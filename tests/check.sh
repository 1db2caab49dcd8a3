#!/bin/bash
# check.sh: runs groups of tests one after the other, goes on after one that fails, and ends with one summary.
# usage: tests/check.sh all|quick|engine|GROUP...      (GROUP is what `make check-GROUP` runs)
# The output of each group stays in build/check/GROUP.log. Exits with 1 if anything failed; what did is repeated on stderr.
# The last line is that of all: "N passed, N failed, N skipped", where a skipped check counts as neither of the others.

set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1
logs=${BM_LOGS:-build/check}
engine=(unit pages model mutate states interleavings clang asan tsan fuzz golden embedded)
quick=(unit model mutate states asan golden preload)
all=("${engine[@]}" bench preload cases gdb soak security valgrind real)
# make check -j2 has a job server, which what is started here is not part of.
export MAKEFLAGS
MAKEFLAGS=$(sed -E 's/(^| )(-j[0-9]*|--jobserver-[a-z]+=[^ ]*)//g' <<<"${MAKEFLAGS-}")

run() { # TARGET...: its output, also into LOGS/TARGET.log; its numbers into LOGS/TARGET.tally
	rm -f "$logs/$1".*
	echo "== make $*"
	BM_TALLY=$(realpath "$logs")/$1.tally "${MAKE:-make}" --no-print-directory -j"$(nproc)" "$@" 2>&1 | tee "$logs/$1.log"
}

# A group without numbers of its own, and one that fails outside its tests, count as one check.
count() { # TARGET STATUS: "PASSED FAILED SKIPPED"
	local passed=0 failed=0 skipped more
	while read -r _ p f s; do
		passed=$((passed + p)) failed=$((failed + f)) more=$((${more:-0} + s))
	done < <(grep -s '^count ' "$logs/$1.tally")
	skipped=$((${more:-0} + $(grep -c '^[a-z-]*: skipped: ' "$logs/$1.log")))
	if [ "$2" -ne 0 ] && [ $failed -eq 0 ]; then failed=1; fi
	if [ $((passed + failed + skipped)) -eq 0 ]; then passed=1; fi
	echo "$passed $failed $skipped"
}

skips() { # TARGET: each reason once, with what was skipped for it
	{
		sed -n 's/^skip //p' "$logs/$1.tally" 2>/dev/null
		sed -n 's/^\([a-z-]*\): skipped: /\1\t/p' "$logs/$1.log"
	} | awk -F '\t' '!($2 in names) { order[++n] = $2 } { names[$2] = names[$2] (names[$2] == "" ? "" : ", ") $1 }
		END { for (i = 1; i <= n; i++) print "  " order[i] ": " names[order[i]] }'
}

why() { # TARGET: its output without what went well
	echo "== make $1 failed; all it said is in $logs/$1.log"
	grep -vE '^  (CC|CXX|LD|AR)  ?|\.+ ok$|^(== |Skipped: |All tests successful|Result: PASS|Files=)' "$logs/$1.log" | tail -n 60 | cut -c -300
}

summary=() failures=() sum=(0 0 0)

check() { # TARGET...: run it, and take down how it went
	local start=$SECONDS status passed failed skipped
	run "$@"
	status=$?
	read -r passed failed skipped < <(count "$1" $status)
	sum=($((sum[0] + passed)) $((sum[1] + failed)) $((sum[2] + skipped)))
	summary+=("$(printf '%-20s %7d %7d %7d %7d' "$1" "$passed" "$failed" "$skipped" $((SECONDS - start)))")
	[ $status -eq 0 ] || failures+=("$1")
	return $status
}

report() {
	local target
	printf '\n%-20s %7s %7s %7s %7s\n' '' passed failed skipped seconds
	printf '%s\n' "${summary[@]}" "$(printf '%-20s %7d %7d %7d %7d' 'in all' "${sum[@]}" "$SECONDS")"
	for target in "${targets[@]}"; do
		[ ! -e "$logs/$target.log" ] || skips "$target" | sed "s/^ /$target, skipped:/"
	done
	for target in "${failures[@]}"; do why "$target"; done >&2
	echo "${sum[0]} passed, ${sum[1]} failed, ${sum[2]} skipped"
	[ ${#failures[@]} -eq 0 ]
}

settings=()
case ${1-} in
all) groups=("${all[@]}") ;;
engine) groups=("${engine[@]}") ;;
quick) groups=("${quick[@]}") settings=(QUICK=1) ;;
'') echo "usage: tests/check.sh all|quick|engine|GROUP..." >&2; exit 2 ;;
*) groups=("$@") ;;
esac
targets=("${groups[@]/#/check-}")
mkdir -p "$logs"
rm -f "$logs"/*
if check all; then # without the library nothing can be tested
	for target in "${targets[@]}"; do check "$target" "${settings[@]}"; done
fi
report

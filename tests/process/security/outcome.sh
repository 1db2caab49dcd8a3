# shellcheck shell=bash disable=SC2154
# outcome.sh: how a misuse ended, in one line. Sourced after lib.sh.

program=${BM_BUILD:-$root/build}/tests/process/security/misuse

# STAGE is access, call or after: see misuse.cc. Of a sentence, the block is B, the pointer P, an address of theirs or near
# them X; a stack that follows is left out.
outcome() { # LIBRARY (or nothing) KIND [SIZE]: "STAGE: SENTENCE", "STAGE SIGNAL", harmless, unnoticed, or what went wrong
	local block pointer how sentence status
	{ LD_PRELOAD=$1 timeout -k 5 20 "$program" "${@:2}" >"$scratch/out" 2>"$scratch/err" </dev/null; } 2>/dev/null
	status=$?
	read -r block pointer _ <"$scratch/out"
	how=$(tail -n 1 "$scratch/out")
	sentence=$(sed -n 's/^libbuddymalloc: \(.*[(:].*\)$/\1/p' "$scratch/err" | grep -v ':$' | head -n 1 |
		sed "s/$pointer\\b/P/g; s/$block\\b/B/g; s/0x[0-9a-f]*/X/g")
	case $how in
	*' SIGABRT') [ -n "$sentence" ] && how="${how% *}: $sentence" ;;
	*' SIG'*) [ -z "$sentence" ] || how="$how, and said: $sentence" ;;
	harmless | unnoticed) [ ! -s "$scratch/err" ] || how="$how, and said: $sentence" ;;
	*) how="status $status, $how" ;;
	esac
	printf '%s\n' "$how"
}

# shellcheck shell=bash disable=SC2034,SC2154
# programs.sh: runs the programs of this folder and folds their TAP; sourced after lib.sh.
# BM_BUILD names another build folder, BM_TIMEOUT another limit per program in seconds.

here=$tests/process/preload
built=${BM_BUILD:-$root/build}/tests/process/preload
seconds=${BM_TIMEOUT:-120}

# env sets LD_PRELOAD, so that timeout itself runs without the library and can end a program the library hangs.
limited() { timeout -k 5 "$seconds" env LD_PRELOAD="$lib" "$@"; }
plain() { timeout -k 5 "$seconds" "$@"; }

# Why a finished TAP program did not pass: empty if it did. Its output is in FILE, its stderr in FILE.err.
fault() { # STATUS FILE
	local results plan
	results=$(grep -cE '^(not )?ok ' "$2")
	plan=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$2")
	if [ "$1" -eq 124 ]; then echo "still running after $seconds s"; return; fi
	if [ "$1" -gt 128 ]; then echo "ended by signal $(($1 - 128))"; return; fi
	if [ "$plan" != "$results" ] || [ "$results" -eq 0 ]; then echo "planned ${plan:-nothing}, ran $results"; return; fi
	if [ "$1" -ne 0 ] || grep -q '^not ok' "$2"; then echo "exit status $1"; return; fi
	if [ -s "$2.err" ]; then echo "wrote to stderr"; fi
}

# A TAP program as one line, its skips as comments. Its failures go to stderr, where prove lets them through.
fold() { # NAME COMMAND...
	local name=$1 out=$scratch/folded why
	shift
	{ "$@" >"$out" 2>"$out.err" </dev/null; } 2>/dev/null
	why=$(fault $? "$out")
	[ -z "$why" ]
	ok $? "$name: $(grep -c '^ok' "$out") checks${why:+, $why}"
	grep '# SKIP' "$out" | sed 's/^/#   /'
	[ -n "$why" ] || return 0
	{
		echo "# $name: $why"
		grep -E '^not ok|^Bail out' "$out" | sed 's/^/#   /'
		head -5 "$out.err" | sed 's/^/#   stderr: /'
	} >&2
}

# The programs whose name matches, and which no test script of their own runs.
names() { # PATTERN
	local source name
	for source in "$here"/$1.c "$here"/$1.cc; do
		name=$(basename "${source%.*}")
		if [ -e "$source" ] && [ ! -e "$here/$name.t" ]; then echo "$name"; fi
	done | sort
}

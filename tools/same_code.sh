#!/bin/bash
# same_code.sh REVISION: whether the library of the tree has the code of that of a revision, but for names.
# Each function is compared as it is disassembled in the linked library, without its own name, the names of
# what it calls and reads, and addresses; so files and functions may be renamed and moved. `make same-code`
# calls it. Prints the functions that only one side has; exits 1 when there is one.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -ne 1 ] || ! revision=$(git rev-parse --verify --quiet "$1^{commit}"); then
	echo "usage: make same-code OLD=REVISION" >&2
	exit 2
fi

scratch=$(mktemp -d "${TMPDIR:-/tmp}/same-code.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# A line for each function: its instructions, joined, then its name.
bodies() { # LIBRARY
	objdump -d -j .text --no-show-raw-insn "$1" | awk '
		function flush() {
			sub(/(\|(data16 |cs )*(nop[wl]?|xchg +%ax,%ax)[^|]*)+$/, "", body) # padding up to the next one
			if (name != "") print body "\t" name
			name = body = ""
		}
		/^[0-9a-f]+ <.*>:$/ { flush(); name = $2; gsub(/[<>:]/, "", name); next }
		name == "" || !/^ / { next }
		{
			sub(/^ *[0-9a-f]+:[ \t]*/, "")
			sub(/ *#.*/, "")
			if (match($0, /[0-9a-f]+ <[^>]*>/)) {
				target = substr($0, RSTART, RLENGTH)
				place = target; sub(/^[0-9a-f]+ </, "", place); sub(/>$/, "", place)
				offset = place; if (!sub(/^[^+]*\+/, "+", offset)) offset = ""
				sub(/\+.*/, "", place)
				$0 = substr($0, 1, RSTART - 1) (place == name ? "here" offset : "there")
			}
			gsub(/-?0x[0-9a-f]+\(%rip\)/, "(%rip)")
			gsub(/[ \t]+$/, "")
			body = body "|" $0
		}
		END { flush() }' | sort
}

git archive --prefix=old/ "$revision" | tar -x -C "$scratch"
git ls-files -z -co --exclude-standard | xargs -0 tar -c --ignore-failed-read 2>/dev/null |
	(mkdir "$scratch/new" && tar -x -C "$scratch/new")
for side in old new; do
	make -s -C "$scratch/$side" CI= DEBUG=0 libbuddymalloc.so >/dev/null
	bodies "$scratch/$side/libbuddymalloc.so" >"$scratch/$side.bodies"
	cut -f1 "$scratch/$side.bodies" >"$scratch/$side.code"
	[ "$(wc -l <"$scratch/$side.code")" -gt 100 ] || { echo "same_code.sh: no functions found in $side" >&2; exit 2; }
done

only_in() { # SIDE COMM-OPTIONS
	comm "$2" "$scratch/old.code" "$scratch/new.code" >"$scratch/only"
	awk -F '\t' -v side="$1" 'NR == FNR { wanted[$0]; next } $1 in wanted { print "only in the " side " library: " $2 }' \
		"$scratch/only" "$scratch/$1.bodies"
}

{ only_in old -23; only_in new -13; } >"$scratch/differences"
cat "$scratch/differences"
[ ! -s "$scratch/differences" ] || exit 1
echo "the same code: $(wc -l <"$scratch/new.code") functions"

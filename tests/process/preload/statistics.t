#!/bin/bash
# statistics.t: the functions that tell about the heap, and where they write.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

well_formed() { # FILE
	if have xmllint; then xmllint --noout "$1"; else python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$1"; fi
}

fold "statistics" limited "$built/statistics" "$scratch/info.xml"
if have xmllint || have python3; then
	well_formed "$scratch/info.xml" 2>"$scratch/xml.err"
	ok $? "malloc_info writes well-formed XML"
	sed 's/^/#   /' "$scratch/xml.err" | head -5
else
	skip "malloc_info writes well-formed XML" "neither xmllint nor python3"
fi
grep -q '^<malloc version="[^"]*">' "$scratch/info.xml" && grep -q '</malloc>' "$scratch/info.xml"
ok $? "its root is <malloc version=...>, as glibc's"

limited "$built/statistics" stats >"$scratch/out" 2>"$scratch/err"
ok $? "malloc_stats returns"
[ -s "$scratch/err" ]
ok $? "malloc_stats writes to stderr"
[ ! -s "$scratch/out" ]
ok $? "and nothing to stdout"
done_testing

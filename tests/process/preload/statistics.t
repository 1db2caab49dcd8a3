#!/bin/bash
# statistics.t: the functions that tell about the heap, and where they write.
# shellcheck disable=SC2016
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

# ---- bm_stats_print ----

row_names() { # of an output on stdin
	grep -oE '\b(live_slots|live_spans|live_large|free_slots|slab_tails|run_tails|magazines|depots)\b|\b(free_pages|pool|quarantine|metadata|pagemap|clean_pages)\b' | sort -u
}

limited "$built/statistics" text >"$scratch/text" 2>"$scratch/err"
ok $? "bm_stats_print of text succeeds"
numberless() { sed -E 's/[0-9]+/N/g; s/ +/ /g' "$1"; }
[ "$(numberless "$scratch/text")" = "$(limited "$built/statistics" stats 2>&1 | numberless -)" ]
ok $? "it is what malloc_stats writes"
limited "$built/statistics" json >"$scratch/json" 2>>"$scratch/err"
ok $? "bm_stats_print of JSON succeeds"
[ ! -s "$scratch/err" ]
ok $? "neither writes to stderr"
[ "$(wc -l <"$scratch/json")" -eq 1 ]
ok $? "JSON is one line"
[ "$(row_names <"$scratch/json")" = "$(row_names <"$scratch/info.xml")" ] && [ "$(row_names <"$scratch/json" | wc -l)" -eq 14 ]
ok $? "JSON and malloc_info have the same rows: $(row_names <"$scratch/json" | wc -l)"
diff <(row_names <"$scratch/json") <(sed -n 's/^| `\([a-z_]*\)` |.*/\1/p' "$root/README.md" | sort -u) >"$scratch/diff"
ok $? "README.md has these, too"
sed 's/^/#   /' "$scratch/diff"

cat >"$scratch/judge.py" <<'END'
import json, sys
found = json.load(open(sys.argv[1]))
rows, resident = found["rows"], found["resident"]
if list(found) != ["resident", "absent", "rows"] or any(not isinstance(n, int) or n < 0 for n in [resident, found["absent"], *rows.values()]):
    sys.exit("another form")
print(f"{100 * sum(rows.values()) / max(resident, 1):.1f} %")
if sys.argv[2:] == ["quarantine"] and rows["quarantine"] < 1000:
    sys.exit(f"in quarantine: {rows['quarantine']}")
if sys.argv[2:] == ["full"]:  # what print_full of statistics.c has
    for row, size in ("live_slots", 300), ("live_spans", 70000), ("live_large", 3 << 20):
        wanted = size * sum(i % 4 != 1 for i in range((33 << 20) // size))
        if not wanted <= rows[row] <= 1.12 * wanted + 65536:
            sys.exit(f"{row}: {rows[row]}, wanted {wanted}")
    if not 0.98 <= sum(rows.values()) / resident <= 1.01:
        sys.exit(f"the rows are {sum(rows.values())} of {resident}")
END
if have python3; then
	python3 -m json.tool "$scratch/json" >"$scratch/out" 2>&1
	ok $? "it is valid JSON"
	BUDDYMALLOC_CONF=huge_pages:0 limited "$built/statistics" full >"$scratch/full" # one brings clean pages along
	explained=$(python3 "$scratch/judge.py" "$scratch/full" full 2>"$scratch/err")
	ok $? "of a program with 100 MB the rows have what it has, and are $explained of what is resident"
	sed 's/^/#   /' "$scratch/err"
	BUDDYMALLOC_CONF=mode:hardened limited "$built/statistics" quarantine >"$scratch/json" &&
		python3 "$scratch/judge.py" "$scratch/json" quarantine >"$scratch/out" 2>&1
	ok $? "in mode:hardened what was freed is in quarantine, and not in use"
	sed 's/^/#   /' "$scratch/out" | grep -v '%'
else
	skip "valid JSON" "no python3"
fi
done_testing

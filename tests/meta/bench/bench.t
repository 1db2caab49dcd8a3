#!/bin/bash
# bench.t: the bench at its smallest: every program and workload on two allocators, the files it leaves and those it leaves alone,
# the page drawn from them, what is published, the comparison of two results, bad arguments, an interrupt.
. "$(dirname "$0")/../../lib.sh"

python=/usr/bin/python3
out=$scratch/out
bench() { timeout -k 10 300 make -s --no-print-directory -C "$root" bench "$@" </dev/null >"$scratch/log" 2>&1; }
check() { "$python" -B - "$@" 2>>"$scratch/log"; }
because() { # STATUS: the end of the log if it is bad
	[ "$1" -eq 0 ] || tail -n 8 "$scratch/log" | cut -c -200 | sed 's/^/# /'
}

[ -x "$python" ] || { skip 'the bench' "no $python"; done_testing; }

mkdir "$scratch/without"
echo 'raise ImportError' >"$scratch/without/matplotlib.py"
PYTHONPATH=$scratch/without bench SMOKE=1 OUT="$scratch/never"
[ $? -eq 2 ] && grep -q 'apt-get install python3-matplotlib' "$scratch/log" && [ ! -e "$scratch/never" ]
ok $? 'without matplotlib: exit status 2 and what installs it, before anything runs'

"$python" -c 'import matplotlib' 2>/dev/null || { skip 'the rest of the bench' 'no python3-matplotlib'; done_testing; }

bench SMOKE=1 OUT="$out"
status=$?
ok $status 'make bench SMOKE=1'
because $status
result=$(compgen -G "$out/*.json")

check "$result" "${result%.json}.csv" "$root" <<'END_OF_CHECK'
import csv, json, os, platform, sys
path, table, root = sys.argv[1:]
result = json.load(open(path))
assert result["complete"] and result["size"] == "smoke" and [one["name"] for one in result["allocators"]] == ["glibc", "ours"]
keys = {one["key"] for one in result["workloads"]}
skipped = {one["name"] for one in result["skipped"]}
assert len(keys) + len(skipped) >= 40 and len(result["runs"]) == 2 * len(keys), (len(keys), len(result["runs"]))
timed = [run for run in result["runs"] if "failed" not in run and run["key"] != "instructions"]
assert all(run["seconds"] > 0 and run["peak_kb"] > 500 for run in timed)
rows = list(csv.DictReader(open(table)))
assert len(rows) == len(result["runs"]) and {row["allocator"] for row in rows} == {"glibc", "ours"}
text = open(path).read()
assert root not in text and "bm-bench." not in text and platform.node() + '"' not in text
failed = [(run["key"], run["failed"]) for run in result["runs"] if "failed" in run and run["allocator"] == "ours"]
assert not failed, failed
END_OF_CHECK
status=$?
ok $status 'its JSON and CSV: every workload on both allocators, none failed on ours, no name of this machine'
because $status

check "$out" <<'END_OF_CHECK'
import sys, xml.dom.minidom
from html.parser import HTMLParser
void = {"meta", "br", "link", "img", "hr", "input", "path", "use"}
class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.anchors, self.links = [], set(), []
    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors.add(attributes.get("id"))
        assert "://" not in attributes.get("src", "") + attributes.get("href", ""), attributes
        if tag == "a":
            self.links.append(attributes["href"][1:])
        if tag not in void:
            self.open.append(tag)
    def handle_startendtag(self, tag, attributes):
        pass
    def handle_endtag(self, tag):
        if tag not in void:
            assert self.open.pop() == tag, tag
page = Page()
text = open(sys.argv[1] + "/report.html", encoding="utf-8").read()
page.feed(text)
assert not page.open and "libbuddymalloc" in text and page.links and set(page.links) <= page.anchors
assert "| true |" in open(sys.argv[1] + "/table.md", encoding="utf-8").read()
if "<svg" in text:
    xml.dom.minidom.parse(sys.argv[1] + "/scatter.svg")
END_OF_CHECK
status=$?
ok $status 'report.html is well-formed and loads nothing from elsewhere; table.md and scatter.svg'
because $status

compare() { make -s --no-print-directory -C "$root" bench-compare OLD="$1" NEW="$2" >"$scratch/changes" 2>&1; }

doctor() { # EXPRESSION: a copy of the result with five runs of each, ours multiplied
	check "$result" "$1" >"$scratch/doctored.json" <<'END_OF_CHECK'
import json, sys
result, factor = json.load(open(sys.argv[1])), float(sys.argv[2])
runs = [run for run in result["runs"] if "seconds" in run]
for run in runs:
    if run["allocator"] == "ours" and run["key"] == "true":
        run["seconds"] *= factor
result["runs"] = [{**run, "run": turn, "seconds": run["seconds"] * (1 + turn / 1000)} for run in runs for turn in range(5)]
json.dump(result, sys.stdout)
END_OF_CHECK
}
doctor 1 && cp "$scratch/doctored.json" "$scratch/old.json" && doctor 1.5
compare "$scratch/old.json" "$scratch/old.json" && grep -q '^time: 0 of ' "$scratch/changes"
ok $? 'make bench-compare: nothing changed between a result and itself'
compare "$scratch/old.json" "$scratch/doctored.json" && grep -q '^time: 1 of ' "$scratch/changes" &&
	grep -q '^  true .*+50.0%' "$scratch/changes"
ok $? 'make bench-compare: the one that takes half as long again is found'

make -s --no-print-directory -C "$root" bench-report RESULT="$scratch/old.json" OUT="$scratch/new/folder" >"$scratch/log" 2>&1 &&
	[ -s "$scratch/new/folder/report.html" ]
ok $? 'make bench-report: a folder that is not there is made'

committed() { find "$root/bench" -type f -exec sha256sum {} + | sort; }
committed >"$scratch/before"
bench SMOKE=1 ONLY=true
status=$?
place=$root/build/bench-results/$(sed -n 's/^written: .* in \(.*\)\/$/\1/p' "$scratch/log")
[ $status -eq 0 ] && [ "$(find "$place" -type f | wc -l)" -eq 5 ] && [ -s "$place/report.html" ]
ok $? 'without OUT= a run has a folder of its own under build'
because $status
make -s --no-print-directory -C "$root" bench-report RESULT="$place/$(basename "$place").json" >"$scratch/log" 2>&1
make -s --no-print-directory -C "$root" bench-publish RESULT="$place/$(basename "$place").json" >"$scratch/log" 2>&1
[ $? -eq 2 ] && grep -q 'not for publishing: its inputs are of size smoke' "$scratch/log"
ok $? 'make bench-publish refuses a run of the smallest inputs'
committed | cmp -s - "$scratch/before"
ok $? 'and no committed file of bench was touched by any of it'
if [ $status -eq 0 ]; then rm -rf "$place"; fi

draw() { # EXPRESSION...: the page of the result after these statements on it
	check "$scratch/old.json" "$@" >"$scratch/drawn.json" <<'END_OF_CHECK' &&
import json, sys
result = json.load(open(sys.argv[1]))
for statement in sys.argv[2:]:
    exec(statement)
json.dump(result, sys.stdout)
END_OF_CHECK
		make -s --no-print-directory -C "$root" bench-report RESULT="$scratch/drawn.json" OUT="$scratch/page" >>"$scratch/log" 2>&1
}
says() { grep -q "$1" "$scratch/page/report.html"; }

idle='result["busy"] = {"others": 0.01, "others_at_start": 0.0, "steal": 0.0, "load_at_start": 3.0}'
quiet='[one.update(others=0.0, steal=0.0) for one in result["workloads"]]'
draw "$idle" "$quiet" && ! says 'The machine was busy'
ok $? 'the page of an idle machine warns of nothing'
draw "$idle" "$quiet" 'result["busy"]["others"] = 0.31' && says 'The machine was busy.*31% of the processors.* time during the run'
ok $? 'of a busy one it says how busy'
draw "$idle" "$quiet" 'result["busy"]["steal"] = 0.04' && says 'The machine was busy.*4% .*other guests'
ok $? 'and of a shared one'
draw 'del result["busy"]' "$quiet" 'result["machine"]["load_at_start"] = 99' && says 'The machine was busy.*load before the start was 99'
ok $? 'an older result is judged by its load'
draw "$idle" '[one.update(others=0.4 * (one["key"] == "true")) for one in result["workloads"]]' && says 'Disturbed most: true'
ok $? 'a workload that was disturbed is named'
draw 'result["allocators"][0].update(version="2.36-9")' 'result["allocators"].append({"name": "tcmalloc", "version": "2.10-1"})' \
	'[run.pop("final_kb", 0) for run in result["runs"]]' && says 'tcmalloc (gperftools) 2.10' && says 'glibc 2.36' && ! says 'id="kept"'
ok $? 'allocators have their titles and versions; a result without what stays has a page'

check "$root/bench" "$result" "$scratch/published" >>"$scratch/log" <<'END_OF_CHECK'
import json, shutil, sys
from pathlib import Path
root, result, place = map(Path, sys.argv[1:])
sys.path[:0] = [str(root / "report"), str(root / "run")]
import publish, results
results.PUBLISHED = place / "results"
results.PUBLISHED.mkdir(parents=True)
for name in ("2020-01-01.json", "2020-01-01.csv"):
    (results.PUBLISHED / name).write_text("")
publish.publish(result)
assert {one.name for one in results.PUBLISHED.iterdir()} == {result.name, result.stem + ".csv"}
assert {one.name for one in place.iterdir()} == {"results", "report.html", "scatter.svg", "table.md"}
assert publish.refusal({"complete": False, "size": "full"}) and not publish.refusal({"complete": True, "size": "full"})
END_OF_CHECK
status=$?
ok $status 'what is published replaces what was, and the page is drawn beside it'
because $status

check "$root/bench/run" "$scratch/names" <<'END_OF_CHECK'
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import results
folder = Path(sys.argv[2])
folder.mkdir()
for name in ("2026-11-22-10", "2026-11-22-9", "2026-11-21-12", "notes"): # the newest first: time says the contrary
    (folder / f"{name}.json").write_text("")
assert results.newest(folder).stem == "2026-11-22-10", results.newest(folder)
assert results.new_stem("2026-11-22", folder) == "2026-11-22-11" and results.new_stem("2026-11-23", folder) == "2026-11-23"
END_OF_CHECK
status=$?
ok $status 'the newest result is told by its name, and a new one comes after all'
because $status

bad() { # NAME COMMAND...
	local name=$1
	shift
	"$@" >"$scratch/log" 2>&1
	[ $? -eq 2 ] && grep -q 'usage: ' "$scratch/log"
	ok $? "exit status 2 and usage: $name"
}
bad 'an unknown workload' bench SMOKE=1 ONLY=nothing OUT="$scratch/bad"
bad 'an unknown allocator' bench SMOKE=1 ALLOC=nothing OUT="$scratch/bad"
bad 'a library that is not there' bench SMOKE=1 ALLOC=name=/nowhere OUT="$scratch/bad"
bad 'RUNS=none' bench SMOKE=1 RUNS=none OUT="$scratch/bad"
bad 'an unknown option' "$python" -B "$root/bench/run/bench.py" --fast
bad 'an unknown option of the report' "$python" -B "$root/bench/report/report.py" --fast
bad 'a report of what is no result' "$python" -B "$root/bench/report/report.py" /dev/null
bad 'a comparison of one result' "$python" -B "$root/bench/run/compare.py" "$scratch/old.json"
[ ! -e "$scratch/bad" ]
ok $? 'and nothing is written'

cp "$lib" "$scratch/other.so"
bench SMOKE=1 ONLY=true ALLOC="glibc other=$scratch/other.so" OUT="$scratch/other" && grep -q 'other 0' "$scratch/log" &&
	! grep -qF "$scratch" "$scratch/other/"*.json
ok $? 'ALLOC=name=path: one more library'

mkdir "$scratch/tmp"
TMPDIR=$scratch/tmp "$python" -B "$root/bench/run/bench.py" --quick --only='true pairs' --alloc=glibc --runs=200 --out="$scratch/cut" >"$scratch/log" 2>&1 &
driver=$!
for _ in {1..300}; do # until it runs something
	compgen -G "$scratch/tmp/*/run" >/dev/null && break
	sleep 0.1
done
kill "$driver"
wait "$driver"
[ $? -eq 130 ] && [ -z "$(ls "$scratch/tmp")" ] && grep -q '"complete": false' "$scratch/cut/"*.json && ! pgrep -P "$driver" >/dev/null
ok $? 'an interrupt keeps what is done, and leaves neither processes nor files'

missing=$(make -s --no-print-directory -C "$root" bench-list | awk '!/ x[0-9]/ { print $1 }' | while read -r name; do
	grep -qE "^\| ([a-z+, ]*, )?${name//+/\\+}(,[a-z+, ]*)?( ∥)? \|" "$root/bench/README.md" || echo "$name"
done)
[ -z "$missing" ]
ok $? "bench/README.md names every workload${missing:+, but not: $missing}"

done_testing

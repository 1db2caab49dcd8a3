"""results.py: the file a bench run leaves, and what is computed from it.

A result is a dictionary: `format`, `date`, `size`, `complete`, `machine`, `busy` (see busy.py;
older ones lack it), `allocators`, `missing`, `workloads` and `runs`. One run is one dictionary; a
run that failed has `failed`, a sentence, and no numbers. A workload is named by its `key`: the
name, and " xN" where it ran with N threads.
"""
import csv
import json
import math
import os
import re
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "bench/results"  # committed: written by bench-publish only
RUNS = ROOT / "build/bench-results"  # a folder for each run
FORMAT = 1
COLUMNS = (
    "workload",
    "group",
    "threads",
    "allocator",
    "run",
    "seconds",
    "operations",
    "cpu",
    "peak_kb",
    "final_kb",
    "mappings",
    "mapped_kb",
    "minor_faults",
    "major_faults",
    "syscalls",
    "failed",
)


class BadResult(Exception):
    """A file that is no result of this bench."""


def key_of(name, threads):
    return f"{name} x{threads}" if threads and threads > 1 else name


def mad(values):
    """Median absolute deviation: half of all runs are closer to the median than this."""
    middle = median(values)
    return median(abs(value - middle) for value in values)


def geometric_mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


class Stat:
    """Median and spread of one measure."""

    def __init__(self, values):
        self.values = values
        self.median, self.low, self.high, self.mad = median(values), min(values), max(values), mad(values)


def time_of(run):
    """Nanoseconds per operation where the workload counts them, seconds otherwise."""
    return run["seconds"] * 1e9 / run["operations"] if run.get("operations") else run["seconds"]


def number_of(measure):
    return time_of if measure == "time" else lambda run: run.get(measure)


class Summary:
    """Medians by workload and allocator. Allocators and workloads keep the order of the run."""

    def __init__(self, result):
        self.result = result
        self.allocators = [one["name"] for one in result["allocators"]]
        self.workloads = {one["key"]: one for one in result["workloads"]}
        self.runs = {}
        for run in result["runs"]:
            self.runs.setdefault((run["key"], run["allocator"]), []).append(run)

    def failures(self, key, allocator):
        return [run["failed"] for run in self.runs.get((key, allocator), []) if "failed" in run]

    def stat(self, key, allocator, measure):
        """None if it was not measured, or if a run failed: a median over the runs that went well
        would flatter."""
        runs = self.runs.get((key, allocator), [])
        if not runs or self.failures(key, allocator):
            return None
        values = [value for value in map(number_of(measure), runs) if value is not None]
        return Stat(values) if values and min(values) > 0 else None

    def row(self, key, measure):
        return {name: self.stat(key, name, measure) for name in self.allocators}

    def ratios(self, key, measure):
        """Each allocator's median over the best one's; None where it has no median."""
        row = self.row(key, measure)
        known = [stat.median for stat in row.values() if stat]
        return {name: stat.median / min(known) if stat else None for name, stat in row.items()}

    def keys(self, groups=("program", "workload"), measure="time"):
        """The workloads that count in a mean. Of other measures than time and peak all count that
        have them."""
        optional = measure not in ("time", "peak_kb")
        return [
            key
            for key, one in self.workloads.items()
            if one["group"] in groups and (optional or measure in one.get("counts", ("time", "peak_kb")))
        ]

    def means(self, groups, measure):
        """(allocator → geometric mean of its ratios, number of workloads). The thread counts of one
        workload weigh as one. Only workloads that every allocator finished take part, so that
        all means are over the same ones."""
        families = {}
        for key in self.keys(groups, measure):
            ratios = self.ratios(key, measure)
            if all(ratios.values()):
                families.setdefault(self.workloads[key]["name"], []).append(ratios)
        means = {}
        for name in self.allocators:
            means[name] = geometric_mean(geometric_mean(one[name] for one in family) for family in families.values())
        return means, len(families)

    def all_failures(self):
        """(key, allocator, sentence, how many runs of how many)."""
        found = []
        for (key, allocator), runs in self.runs.items():
            failed = self.failures(key, allocator)
            if failed:
                found.append((key, allocator, failed[0], len(failed), len(runs)))
        return found


def read(path):
    try:
        result = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadResult(f"{path}: cannot be read: {error}") from None
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise BadResult(f"{path}: no result of this bench")
    return result


def order(path):
    """The place in time of DATE.json, DATE-2.json, … by name: a checkout gives all files one
    time."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:-(\d+))?", path.stem)
    return (found[1], int(found[2] or 1)) if found else ("", 0)


def all_folders():
    """Where a result may be unless a run was told another place."""
    return [PUBLISHED, *RUNS.glob("*")]


def new_stem(date, *folders):
    """DATE, or DATE-2, … one after the last there is."""
    dated = [order(path) for folder in folders for path in folder.glob("*.json")]
    number = max((number for day, number in dated if day == date), default=0) + 1
    return date if number == 1 else f"{date}-{number}"


def newest(*folders):
    found = [path for folder in folders for path in folder.glob("*.json")]
    if not found:
        raise BadResult("there is no result: run `make bench` first")
    return max(found, key=order)


def write_whole(path, text):
    """All of it or nothing: a reader never sees a half-written file."""
    new = path.with_suffix(path.suffix + ".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


def write(path, result):
    """The JSON, one run per line, and beside it the CSV."""
    lists = ("allocators", "workloads", "runs")
    head = {name: value for name, value in result.items() if name not in lists}
    parts = [json.dumps(head, indent=1, ensure_ascii=False)[:-2]]
    for name in lists:
        rows = ",\n".join("  " + json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in result[name])
        parts.append(f' "{name}": [\n{rows}\n ]')
    write_whole(path, ",\n".join(parts) + "\n}\n")
    write_csv(path.with_suffix(".csv"), result)


def write_csv(path, result):
    groups = {one["key"]: one for one in result["workloads"]}
    new = path.with_suffix(".csv.new")
    with open(new, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for run in result["runs"]:
            about = groups[run["key"]]
            known = {**run, "workload": about["name"], "group": about["group"], "threads": about["threads"]}
            rows.writerow(["" if known.get(column) is None else known[column] for column in COLUMNS])
    os.replace(new, path)

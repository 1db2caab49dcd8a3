"""compare.py: what changed between two results, and whether it is more than noise; `make
bench-compare` runs it.

usage: compare.py OLD.json NEW.json

A workload changed on an allocator if the medians differ by at least LEAST and the ranges of the
runs do not meet: with five runs on either side chance alone does that once in 126 times, with three
once in 10; with fewer nothing is said. Allocators of the same version in both results, but ours,
are the control: what they changed, the machine did.
"""
import argparse
import sys
from math import comb

import busy
import results

LEAST = 0.02
DOUBT = 0.1  # what chance alone does more often than this is not called a change
MEASURES = (("time", "time"), ("peak_kb", "peak memory"), ("final_kb", "memory kept"))


def chance(old, new):
    """Of two sets of runs without any difference not to meet: all of one below all of the other."""
    return min(1.0, 2 / comb(len(old.values) + len(new.values), len(old.values)))


def apart(old, new):
    return old.high < new.low or new.high < old.low


class Change:
    def __init__(self, key, allocator, old, new, unit):
        self.key, self.allocator, self.old, self.new, self.unit = key, allocator, old, new, unit
        self.ratio = new.median / old.median
        self.moved = apart(old, new) and abs(self.ratio - 1) >= LEAST
        self.real = self.moved and chance(old, new) <= DOUBT

    def line(self):
        spread = max((stat.high - stat.low) / stat.median for stat in (self.old, self.new))
        old, new = (f"{SHOWN[self.unit](stat.median):>12}" for stat in (self.old, self.new))
        odds = f"ranges {spread:.1%}, by chance {chance(self.old, self.new):.1%}"
        return f"  {self.key:18} {self.allocator:10} {old} -> {new}  {self.ratio - 1:+7.1%}   {odds}"


SHOWN = {"ns": "{:.1f} ns".format, "s": "{:.3f} s".format, "kb": lambda kb: f"{kb / 1024:.1f} MB"}


def unit_of(summary, key, allocator, measure):
    """Time is per operation where a workload counts them."""
    counts = any(run.get("operations") for run in summary.runs[key, allocator])
    return "kb" if measure != "time" else "ns" if counts else "s"


def changes(old, new, allocators, measure):
    found = []
    for key in old.workloads:
        for allocator in allocators:
            if key not in new.workloads or measure not in ("final_kb", *new.workloads[key]["counts"]):
                continue
            before, after = old.stat(key, allocator, measure), new.stat(key, allocator, measure)
            if before and after:
                found.append(Change(key, allocator, before, after, unit_of(new, key, allocator, measure)))
    return found


def versions(summary):
    return {one["name"]: one["version"] for one in summary.result["allocators"]}


def roles(old, new):
    """(those that may have changed, the control), in the order of the new result."""
    before, after = versions(old), versions(new)
    both = [name for name in after if name in before]
    subjects = [name for name in both if name == "ours" or before[name] != after[name]]
    return subjects or both, [name for name in both if subjects and name not in subjects]


def print_measure(old, new, measure, title, subjects, control):
    found = changes(old, new, subjects, measure)
    if not found:
        return
    real = sorted((one for one in found if one.real), key=lambda one: one.ratio)
    unsure = sorted((one for one in found if one.moved and not one.real), key=lambda one: one.ratio)
    print(f"\n{title}: {len(real)} of {len(found)} changed")
    for one in real:
        print(one.line())
    if unsure:
        print("  too few runs to tell:")
    for one in unsure:
        print(one.line())
    for name in subjects:
        mean = results.geometric_mean(one.ratio for one in found if one.allocator == name)
        if mean:
            print(f"  {name}: geometric mean {mean - 1:+.1%}")
    print_control(changes(old, new, control, measure))


def print_control(found):
    if not found:
        return
    mean = results.geometric_mean(one.ratio for one in found)
    real = sum(one.real for one in found)
    print(
        f"  the control (allocators that did not change): geometric mean {mean - 1:+.1%}, {real} of {len(found)} beyond noise"
    )


def print_failures(old, new):
    before = {(key, name) for key, name, *_ in old.all_failures()}
    after = {(key, name): sentence for key, name, sentence, *_ in new.all_failures()}
    for key, name in sorted(after):
        print(f"fails {'still' if (key, name) in before else 'now'}: {key} on {name}: {after[key, name]}")
    for key, name in sorted(before - set(after)):
        print(
            f"fails no more: {key} on {name}"
            if (key, name) in new.runs
            else f"failed, and was not run again: {key} on {name}"
        )


def print_setting(old, new):
    for name in ("date", "size", "complete"):
        if old.result[name] != new.result[name]:
            print(f"{name}: {old.result[name]} -> {new.result[name]}")
    for name, value in new.result["machine"].items():
        before = old.result["machine"].get(name)
        if before != value and name != "load_at_start":
            print(f"the machine differs: {name}: {before} -> {value}")
    for which, summary in (("old", old), ("new", new)):
        for sentence in busy.reasons(summary.result):
            print(f"{which}: the machine was busy: {sentence}")
    before, after = versions(old), versions(new)
    for name in after:
        if name in before and before[name] != after[name]:
            print(f"{name}: {before[name]} -> {after[name]}")


def main(argv):
    parser = argparse.ArgumentParser(
        prog="compare.py",
        usage="make bench-compare OLD=a.json NEW=b.json",
        description="What changed between two results of the bench.",
    )
    parser.add_argument("old")
    parser.add_argument("new")
    options = parser.parse_args(argv)
    try:
        old, new = (results.Summary(results.read(path)) for path in (options.old, options.new))
    except results.BadResult as error:
        parser.error(str(error))
    if old.result["size"] != new.result["size"]:
        parser.error(f"not comparable: inputs of size {old.result['size']} and {new.result['size']}")
    print_setting(old, new)
    subjects, control = roles(old, new)
    for measure, title in MEASURES:
        print_measure(old, new, measure, title, subjects, control)
    print_instructions(old, new, subjects)
    print_failures(old, new)
    return 0


def print_instructions(old, new, subjects):
    """Counted, not timed: any difference is one."""
    for name in subjects:
        before, after = (counted(summary, name) for summary in (old, new))
        for pair in before:
            if pair in after and abs(after[pair] - before[pair]) >= 0.5:
                print(
                    f"\ninstructions: {name}, {pair[0]} bytes in batches of {pair[1]}: {before[pair]} -> {after[pair]}"
                )


def counted(summary, allocator):
    runs = summary.runs.get(("instructions", allocator), [])
    return {(one["size"], one["batch"]): one["instructions"] for run in runs for one in run.get("instructions", [])}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

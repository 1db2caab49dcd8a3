"""bench.py: time and memory of real programs and of known workloads under each allocator; `make
bench` runs it.

usage: bench.py [--quick | --smoke] [--only NAMES] [--runs N] [--alloc WORDS] [--out DIR]
                [--syscalls] [--list]

The result goes to build/bench-results/DATE/DATE.json, or into --out. The allocators take turns (A B
C, B C A, …), so that whatever else the machine does meets all of them. A run that fails is recorded
as failed. Every workload done is written at once; an interrupt keeps what is done.
"""
import argparse
import datetime
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "programs"))

import busy  # noqa: E402
import machine  # noqa: E402
import results  # noqa: E402
from items import FULL, LAUNCHER, QUICK, SMOKE, all_items, choose  # noqa: E402
from measure import Failed, Hopeless, scratch_folder, scrub  # noqa: E402

LONG_S = 5  # a run this long, or longer, is repeated LONG_RUNS times
LONG_RUNS = 3
GUESS_S = {  # of one run on an idle 2 GHz machine; what is seen corrects it
    "full": {"program": 2.0, "workload": 0.8, "micro": 12.0},
    "quick": {"program": 0.5, "workload": 0.15, "micro": 3.0},
    "smoke": {"program": 0.4, "workload": 0.05, "micro": 1.0},
}


def parse(argv):
    parser = argparse.ArgumentParser(
        prog="bench.py", description="Time and memory of programs under several allocators."
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small inputs, three runs")
    size.add_argument(
        "--smoke", action="store_true", help="smallest inputs, one run, two allocators: does it all work?"
    )
    parser.add_argument("--only", default="", help="names of workloads, or programs, workloads, micro")
    parser.add_argument("--runs", type=positive, help="runs of each workload on each allocator")
    parser.add_argument(
        "--alloc", default="", help="allocators: names, engines, or name=path[@version] of a library to preload"
    )
    parser.add_argument("--out", type=Path, help="where the result goes")
    parser.add_argument(
        "--syscalls", action="store_true", help="one more run of each program to count its calls to the kernel"
    )
    parser.add_argument("--list", action="store_true", help="name the workloads and end")
    options = parser.parse_args(argv)
    options.size = QUICK if options.quick else SMOKE if options.smoke else FULL
    return parser, options


def positive(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


class Progress:
    """One line per workload; on a terminal also what runs now. What is left is guessed, and the
    guess corrected by how long the runs done took."""

    def __init__(self, guess_s):
        self.left_guess_s = guess_s
        self.done_guess_s = self.done_wall_s = 0.0
        self.terminal = sys.stderr.isatty()
        self.start_time = time.monotonic()

    def left(self):
        enough = self.done_guess_s > 10
        return clock(self.left_guess_s * (self.done_wall_s / self.done_guess_s if enough else 1))

    def before(self, item, allocator, turn):
        if self.terminal:
            print(
                f"\r\033[K  {item.key}: {allocator} {turn}; about {self.left()} left",
                end="",
                file=sys.stderr,
                flush=True,
            )

    def after(self, guess_s, wall_s):
        self.done_wall_s += wall_s
        self.done_guess_s += guess_s
        self.left_guess_s -= guess_s

    def line(self, number, count, text):
        clear = "\r\033[K" if self.terminal else ""
        gone = clock(time.monotonic() - self.start_time)
        print(
            f"{clear}[{number:2}/{count}] {text}  ({gone} gone, about {self.left()} left)",
            file=sys.stderr,
            flush=True,
        )


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class Bench:
    def __init__(self, options, items, allocators, result, path, scratch):
        self.options, self.items, self.allocators = options, items, allocators
        self.result, self.path, self.scratch = result, path, scratch
        self.runs = options.runs or options.size.runs
        self.hopeless = set()
        self.warm_ups = 1 if options.size.warm_up else 0
        self.guess_s = GUESS_S[options.size.name]
        self.progress = Progress(sum(map(self.item_guess_s, items)))
        self.start = busy.reading()

    def item_guess_s(self, item):
        count = len(self.allocators) if item.once else self.runs * len(self.allocators) + self.warm_ups
        return count * self.guess_s[item.group]

    def measure_all(self):
        for number, item in enumerate(self.items, 1):
            before = busy.reading()
            self.result["workloads"].append(item.about())
            self.measure(item)
            self.result["workloads"][-1].update(busy.shares(before, busy.reading()))
            self.progress.line(number, len(self.items), self.one_line(item))
            self.write()

    def write(self):
        now = busy.shares(self.start, busy.reading())
        self.result["busy"].update(now, load_at_end=busy.load())
        results.write(self.path, self.result)

    def measure(self, item):
        left_guess_s = self.progress.left_guess_s - self.item_guess_s(item)
        try:
            item.prepare(self.scratch)
            runs = self.runs_of(item)
            for turn in range(runs):
                first = turn % len(self.allocators)
                for allocator in self.allocators[first:] + self.allocators[:first]:
                    self.keep(item, allocator, turn + 1, self.one(item, allocator, f"run {turn + 1} of {runs}"))
        except (Failed, OSError) as reason:
            for allocator in self.allocators:
                self.keep(item, allocator, 1, {"failed": scrub(f"no input: {reason}")})
        self.progress.left_guess_s = left_guess_s  # also if there were fewer runs

    def runs_of(self, item):
        """After a first run that does not count: it brings the files into memory and says how long
        one takes."""
        if item.once:
            return 1
        if not self.warm_ups:
            return self.runs
        record = self.one(item, self.allocators[0], "warm-up")
        long = record.get("seconds", 0) >= LONG_S and not self.options.runs
        return min(LONG_RUNS, self.runs) if long else self.runs

    def one(self, item, allocator, turn):
        self.progress.before(item, allocator.name, turn)
        start = time.monotonic()
        try:
            record = {"failed": "not repeated after a run beyond the limits"}
            if (item.key, allocator.name) not in self.hopeless:
                record = item.run(allocator, self.scratch)
        except (Failed, OSError) as reason:
            record = {"failed": scrub(str(reason))}
            if isinstance(reason, Hopeless):
                self.hopeless.add((item.key, allocator.name))
        self.progress.after(self.guess_s[item.group], time.monotonic() - start)
        return record

    def keep(self, item, allocator, turn, record):
        """The course of the size is kept of the first run only: it is long, and all look alike."""
        if turn > 1 or not record.get("rss_kb"):
            record.pop("rss_kb", None)
        self.result["runs"].append(
            {
                "key": item.key,
                "allocator": allocator.name,
                "run": turn,
                **{name: rounded(value) for name, value in record.items() if value is not None},
            }
        )

    def one_line(self, item):
        summary, words = results.Summary(self.result), []
        for allocator in self.allocators:
            failed = summary.failures(item.key, allocator.name)
            time_, peak = (summary.stat(item.key, allocator.name, measure) for measure in ("seconds", "peak_kb"))
            if failed:
                words.append(f"{allocator.name} failed ({failed[0]})")
            elif item.once:
                words.append(f"{allocator.name} done")
            elif time_ and peak:
                words.append(f"{allocator.name} {time_.median:.2f}s {peak.median / 1024:.0f}M")
        return f"{item.key:15} {', '.join(words)}"


def rounded(value):
    return round(value, 6) if isinstance(value, float) else value


def start_result(options, allocators, missing, skipped):
    return {
        "format": results.FORMAT,
        "date": datetime.date.today().isoformat(),
        "size": options.size.name,
        "runs_wanted": options.runs or options.size.runs,
        "complete": False,
        "seconds_taken": 0,
        "machine": machine.describe(),
        "busy": busy_at_start(),
        "missing": [{"name": name, "why": why} for name, why in missing.items()],
        "skipped": skipped,
        "allocators": [{"name": one.name, "version": one.version} for one in allocators],
        "workloads": [],
        "runs": [],
    }


def busy_at_start():
    before = busy.reading()
    time.sleep(1)
    idle = busy.shares(before, busy.reading())  # nothing of ours runs yet
    return {"load_at_start": busy.load(), "others_at_start": idle["others"]}


def plan(parser, options):
    """The items to run, and those that cannot for want of a program."""
    items, unknown = choose(all_items(options.size, options.syscalls), options.only.split())
    if unknown:
        parser.error(f"ONLY: nothing is called {' '.join(unknown)}; see --list")
    skipped = [
        {"name": item.key, "why": item.why_not()}
        for item in items
        if item.why_not()
    ]
    return [item for item in items if not item.why_not()], skipped


def run(parser, options):
    items, skipped = plan(parser, options)
    words = options.alloc.split() or (["glibc", "ours"] if options.smoke else [])
    allocators, missing = machine.select(words)
    scratch = scratch_folder()
    try:
        machine.stage(allocators, scratch / "lib")
        allocators, bad = machine.usable(allocators, LAUNCHER, scratch)
        missing.update(bad)
        say_skipped(missing, skipped)
        if not allocators or not items:
            parser.error("nothing is left to run")
        result = start_result(options, allocators, missing, skipped)
        path = new_path(options.out, result["date"])
        return measure(Bench(options, items, allocators, result, path, scratch))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def new_path(out, date):
    """Without a place named each run has a folder of its own; no name is given that a published
    result has."""
    stem = results.new_stem(date, *([out] if out else results.all_folders()))
    folder = out or results.RUNS / stem
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{stem}.json"


def measure(bench):
    start, status = time.monotonic(), 0
    try:
        bench.measure_all()
        bench.result["complete"] = True
    except KeyboardInterrupt:
        status = 130
        print("\ninterrupted: what is done is kept", file=sys.stderr)
    bench.result["seconds_taken"] = round(time.monotonic() - start)
    bench.write()
    sum_up(bench)
    return status


def say_skipped(missing, skipped):
    for name, why in missing.items():
        print(f"without {name}: {why}", file=sys.stderr)
    for one in skipped:
        print(f"without {one['name']}: {one['why']}", file=sys.stderr)


def sum_up(bench):
    summary = results.Summary(bench.result)
    for measure_name, title in (("time", "time"), ("peak_kb", "peak memory")):
        means, count = summary.means(("program", "workload"), measure_name)
        known = {name: mean for name, mean in means.items() if mean}
        print(
            f"{title}, geometric mean over the best, {count} workloads: "
            + ", ".join(f"{name} {mean:.2f}" for name, mean in sorted(known.items(), key=lambda pair: pair[1]))
        )
    for key, allocator, sentence, failed, count in summary.all_failures():
        print(f"failed: {key} on {allocator}, {failed} of {count} runs: {sentence}")
    for sentence in busy.reasons(bench.result):
        print(f"the machine was busy: {sentence}")
    print(f"written: {bench.path.name}, {bench.path.with_suffix('.csv').name} in {bench.path.parent.name}/")


def main(argv):
    parser, options = parse(argv)
    if not LAUNCHER.is_file():
        parser.error("build/bench-tools is not built: run it by `make bench`")
    if options.list:
        for item in all_items(options.size):
            print(f"{item.key:20} {item.what}")
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as an interrupt: what is done is kept
    try:
        return run(parser, options)
    except machine.BadArgument as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""items.py: what one run of the bench consists of: each real program, each C workload at each number of threads, and the
count of instructions. An item knows how to prepare itself once and how to run once on one allocator.
"""
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from measure import SAMPLE_MS, Failed, judge, last_line, run_command, run_server
from kinds import Context
from programs import PROGRAMS
from servers import free_port
from results import key_of

BENCH = Path(__file__).resolve().parents[1]
BUILT = BENCH.parent / "build"
LAUNCHER = BUILT / "bench-tools/launch"
PAIR = BUILT / "bench-tools/pair"
VALGRIND = "/usr/bin/valgrind"

# Those whose behaviour with many threads is what they were written for.
THREADED = ("larson", "xmalloc", "sh6", "sh8", "cache_scratch", "cache_thrash", "graphs", "server")
# Percent of a workload's own full size at the full, quick and smallest size. Where the shape is the point, more.
SCALES = {
    None: (60, 8, 1),
    "barnes": (240, 40, 2),
    "server": (25, 2, 0.1),
    "phases": (100, 10, 1),
    "survivors": (100, 10, 1),
    "idle_threads": (100, 100, 100),
    "mixed_survivors": (100, 25, 1),
    "size_shift": (100, 25, 1),
    "many_mappings": (100, 25, 1),
    "realloc_large": (25, 6, 1),
    "calloc_large": (25, 6, 1),
    "parked_threads": (20, 5, 1),
    "mallocstress": (3, 1, 1),
    "locked": (50, 25, 1),
    "refused": (50, 25, 1),
}
# Measures that count in the means, where not all do: starting 64 threads says little of an allocator's speed.
COUNTS = {
    "idle_threads": ("peak_kb",),
    "parked_threads": ("peak_kb",),
    "realloc_large": ("peak_kb",),
    "many_mappings": ("mappings", "mapped_kb"),
}
# Those that need a right which a system may refuse; each says so when it is called with --try.
ASKING = ("locked", "refused")
CURVES = ("phases", "server", "survivors")  # those whose size over time is drawn


@dataclass(frozen=True)
class Size:
    """How much of everything: the index into a program's sizes, the thread counts, the sizes of the pairs."""

    name: str
    index: int
    runs: int
    threads: tuple
    pairs: tuple  # (bytes, batch)
    warm_up: bool = True


BATCH = 1000
FULL = Size(
    "full",
    0,
    5,
    (1, 2, 4, 8),
    (*((bytes_, 1) for bytes_ in (16, 64, 256, 1024, 8192, 65536)), (16, BATCH), (256, BATCH), (4096, BATCH)),
)
QUICK = Size("quick", 1, 3, (1, 4), ((16, 1), (1024, 1), (64, BATCH)))
SMOKE = Size("smoke", 2, 1, (1, 2), ((64, 1),), warm_up=False)


class Item:
    """`key` names it in the results. `runs` below 0: as many as the size says."""

    group = "workload"
    name = what = ""
    threads = 0
    counts = ("time", "peak_kb")
    once = False  # deterministic: one run tells all

    @property
    def key(self):
        return key_of(self.name, self.threads)

    def about(self):
        return {
            "key": self.key,
            "name": self.name,
            "group": self.group,
            "threads": self.threads,
            "what": self.what,
            "counts": list(self.counts),
        }

    def missing(self):
        return []

    def why_not(self):
        """A sentence if it cannot be run here, or an empty one."""
        names = " ".join(Path(path).name for path in self.missing())
        return f"not installed: {names}" if names else ""

    def prepare(self, scratch):
        """Once, before the first run."""

    def run(self, allocator, scratch):
        """One run; its record. Raises Failed."""
        raise NotImplementedError


def new_folder(path):
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def record_of(cost):
    """The launcher's report in the words of the results."""
    return {
        "seconds": cost["elapsed"],
        "cpu": round(cost["user"] + cost["system"], 6),
        "peak_kb": cost["peak_kb"],
        "minor_faults": cost["minor_faults"],
        "major_faults": cost["major_faults"],
        "rss_kb": cost["rss_kb"],
    }


class ProgramItem(Item):
    group = "program"

    def __init__(self, program, size, syscalls):
        self.program, self.size, self.syscalls = program, size, syscalls
        self.name, self.what = program.name, program.what
        self.expected = None

    def missing(self):
        return self.program.missing()

    def context(self, scratch):
        return Context(
            self.program.sizes[self.size.index], scratch / "input" / self.name, scratch / "run", free_port()
        )

    def prepare(self, scratch):
        context = self.context(scratch)
        new_folder(context.input)
        new_folder(context.folder)
        self.program.prepare(context)

    def run(self, allocator, scratch):
        context = self.context(scratch)
        new_folder(context.folder)
        self.program.fresh(context)
        preload = allocator.preload or self.program.libc
        if self.program.is_server:
            cost = run_server(LAUNCHER, self.program, context, preload)
            return {**record_of(cost), "final_kb": cost["final_kb"]}
        record = self.run_command(context, preload)
        if self.syscalls:
            record["syscalls"] = self.count_syscalls(context, preload)
        return record

    def run_command(self, context, preload):
        command = self.program.command(context)
        options = ["-n", self.program.repeat] + (["-s", SAMPLE_MS] if self.program.curve else [])
        cost = run_command(LAUNCHER, command, context.folder, preload, self.program.environment, map(str, options))
        digest = self.program.digest(context)
        self.expected = self.expected or digest
        if digest != self.expected:
            raise Failed("its output differs from that on the first allocator")
        return record_of(cost)

    def count_syscalls(self, context, preload):
        """Calls to the kernel for memory and for waiting, of the command and all its children: one more run."""
        new_folder(context.folder)
        self.program.fresh(context)
        tracer = [
            "/usr/bin/strace",
            "-f",
            "--seccomp-bpf",
            "-c",
            "-o",
            "calls",
            "-e",
            "trace=%memory,futex",
            "-E",
            f"LD_PRELOAD={preload}",
        ]
        if not preload:
            tracer = tracer[:-2]
        cost = run_command(
            LAUNCHER, [*tracer, *self.program.command(context)], context.folder, "", self.program.environment
        )
        judge(cost, context.folder)
        total = re.search(
            r"^100\.00\s+\S+\s+\S+\s+(\d+)", (context.folder / "calls").read_text(encoding="ascii"), re.M
        )
        return int(total[1]) if total else None


class WorkloadItem(Item):
    def __init__(self, name, threads, size):
        self.name, self.threads, self.binary = name, threads, BUILT / "bench" / name
        scale = SCALES.get(name, SCALES[None])[size.index]
        # Every thread does the whole work: with more threads than cores each does less, so that all take as long.
        self.scale = scale / max(1, threads / (os.cpu_count() or 1))
        self.what = described(self.binary)
        self.counts = COUNTS.get(name, self.counts)

    def why_not(self):
        if self.name not in ASKING:
            return ""
        tried = subprocess.run([self.binary, "--try"], stderr=subprocess.PIPE, text=True, check=False)
        return last_line(tried.stderr.encode()) if tried.returncode else ""

    def run(self, allocator, scratch):
        folder = new_folder(scratch / "run")
        command = [self.binary, *(["--threads", self.threads] if self.threads else []), "--scale", f"{self.scale:g}"]
        sampling = ("-s", str(SAMPLE_MS)) if self.name in CURVES and self.threads <= 1 else ()
        cost = run_command(LAUNCHER, command, folder, allocator.preload, options=sampling)
        said = result_line(folder)
        record = {
            **record_of(cost),
            "seconds": said["seconds"],
            "operations": said["operations"],
            "peak_kb": said["peak_rss_kb"],
        }
        for name, ours in (
            ("final_rss_kb", "final_kb"),
            ("mappings", "mappings"),
            ("mapped_kb", "mapped_kb"),
            ("latency_ns", "latency_ns"),
            ("ns_per_pair", "ns_per_pair"),
            ("ns", "ns_by_order"),
        ):
            if said.get(name):
                record[ours] = said[name]
        return record


@lru_cache
def described(binary):
    return subprocess.run([binary, "--describe"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def result_line(folder):
    try:
        return json.loads((folder / "stdout").read_text(encoding="utf-8"))
    except ValueError:
        raise Failed("it printed no result") from None


class InstructionsItem(Item):
    """Instructions of one malloc and its free, counted by callgrind: the difference of two lengths of one loop."""

    group = "micro"
    name = "instructions"
    what = "instructions per malloc and free, by size, singly and in batches (callgrind)"
    counts = ()
    once = True
    short, long = 2 * BATCH, 6 * BATCH

    def __init__(self, size):
        self.pairs = size.pairs

    def missing(self):
        return [path for path in (VALGRIND, str(PAIR)) if not os.path.exists(path)]

    def run(self, allocator, scratch):
        folder = new_folder(scratch / "run")
        counted = []
        for size, batch in self.pairs:
            few, many = (self.count(allocator, folder, size, count, batch) for count in (self.short, self.long))
            counted.append(
                {"size": size, "batch": batch, "instructions": round((many - few) / (self.long - self.short), 1)}
            )
        return {"seconds": None, "instructions": counted}

    def count(self, allocator, folder, size, count, batch):
        command = [VALGRIND, "--tool=callgrind", "--callgrind-out-file=/dev/null", PAIR, size, count, batch]
        run_command(LAUNCHER, command, folder, allocator.preload)
        found = re.search(r"Collected : (\d+)", (folder / "stderr").read_text(encoding="utf-8", errors="replace"))
        if not found:
            raise Failed("callgrind gave no count")
        return int(found[1])


def workload_names():
    sources = sorted(path.stem for path in (BENCH / "workloads").glob("*.c*"))
    return [name for name in sources if (BUILT / "bench" / name).is_file()]


def all_items(size, syscalls=False):
    """In the order of the run: programs, workloads on one thread, on several, instructions."""
    items = [ProgramItem(program, size, syscalls) for program in PROGRAMS]
    names = workload_names()
    for threads in size.threads:
        items += [
            WorkloadItem(name, threads if name in THREADED else 0, size)
            for name in names
            if threads == 1 or name in THREADED
        ]
    return items + [InstructionsItem(size)]


GROUPS = {"programs": "program", "workloads": "workload", "micro": "micro"}


def choose(items, words):
    """Those named by ONLY: names of items or of groups. Returns (items, words that name none)."""
    groups = {GROUPS[word] for word in words if word in GROUPS}
    names = {item.name for item in items}
    unknown = [word for word in words if word not in names and word not in GROUPS]
    return [item for item in items if not words or item.group in groups or item.name in words], unknown

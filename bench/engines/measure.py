#!/usr/bin/env python3
"""measure.py: what each simple allocator costs in real programs, as a Markdown table per program.

The work is that of tests/meta/engines/work.sh. Time (user and system, the best of RUNS) and peak resident memory are
GNU time's, of the whole of it. Slack is by the ledger (slack.h), of the whole: the peak of the bytes given above that
of the bytes asked for. Instructions are callgrind's, of PERCENT % of it: the mean of a call of malloc and of one of
free, with all they call. Build before: make all engines. The arguments are the programs: by default all three.
"""
import collections, glob, os, re, subprocess, sys, tempfile

RUNS = 3
SLOW = 5.0  # seconds: what takes longer is run once
PERCENT = 20

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
work = os.path.join(root, "tests/meta/engines/work.sh")
binary = {"perl": "perl", "python": "python3", "sqlite": "sqlite3"}


def library(name):
    return os.path.join(root, "build/engines", f"lib{name}.so")


ours = os.path.join(root, "libbuddymalloc.so")
allocators = {name: library(name) for name in ("bump", "firstfit", "firstfit-unsorted", "buddy", "fibonacci")}
allocators |= {"libbuddymalloc": ours, "glibc": ""}


def run(command, preload, launcher=(), **environment):
    """Runs a command in an empty folder; its stderr. The launcher runs without the library."""
    setting = [f"{name}={value}" for name, value in environment.items()]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*launcher, "env", f"LD_PRELOAD={preload}", *setting, *command],
                              cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{command} under {preload or 'glibc'}: {done.stderr}")
    return done.stderr


def time_and_memory(program, preload):
    """Seconds and KB."""
    runs = []
    while len(runs) < RUNS and (not runs or runs[0][0] < SLOW):
        user, system, kb = run(["bash", work, program], preload, ["time", "-f", "%U %S %M"]).split()[-3:]
        runs.append((float(user) + float(system), int(kb)))
    return min(seconds for seconds, _ in runs), max(kb for _, kb in runs)


def slack(program, preload):
    """Peak live bytes asked for and given, of the process that asked for the most."""
    if preload in ("", ours):
        preload = f"{library('next')} {preload}"
    text = run(["bash", work, program], preload, BENCH_SLACK="1")
    return max(tuple(map(int, pair)) for pair in re.findall(r"slack: asked (\d+) bytes, given (\d+) bytes", text))


def read_calls(lines):
    """Calls and inclusive instructions by function, of callgrind's file: "cfn=(id) name", "calls=n …", "line cost"."""
    names, total = {}, collections.defaultdict(lambda: [0, 0])
    callee, calls = None, 0
    for line in lines:
        if match := re.match(r"c?fn=\((\d+)\)(?: (.*))?", line):
            number, name = match.groups()
            names.setdefault(number, name)
            callee = names[number]
        elif line.startswith("calls="):
            calls = int(line[6:].split()[0])
        elif calls:
            total[callee][0] += calls
            total[callee][1] += int(line.split()[1])
            calls = 0
    return total


def instructions(program, preload):
    """Per malloc and per free, of the program itself and not of the shell that starts it."""
    with tempfile.TemporaryDirectory() as folder:
        run(["valgrind", "-q", "--tool=callgrind", "--trace-children=yes",
             f"--callgrind-out-file={folder}/%p", "bash", work, program, str(PERCENT)], preload)
        for name in glob.glob(f"{folder}/*"):
            lines = open(name).read().splitlines()
            if any(re.match(rf"cmd: +\S*{binary[program]}", line) for line in lines[:20]):
                total = read_calls(lines)
                return [total[call][1] / total[call][0] for call in ("malloc", "free")]
    sys.exit(f"{program}: callgrind left nothing")


for program in sys.argv[1:] or binary:
    print(f"\n| {program} | time, s | peak RSS, MB | slack, % | instructions per malloc | per free |")
    print("|---|---|---|---|---|---|")
    for name, preload in allocators.items():
        seconds, kb = time_and_memory(program, preload)
        asked, given = slack(program, preload)
        malloc, free = instructions(program, preload)
        print(f"| {name} | {seconds:.2f} | {kb / 1024:.1f} | {100 * (given - asked) / asked:.1f} "
              f"| {malloc:.0f} | {free:.0f} |", flush=True)

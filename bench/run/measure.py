"""measure.py: runs one command, or one server under load, on one allocator, and says what it cost.

Owns the processes it starts: each leads a group of its own (launch.c) and none outlives the call, also when it
is interrupted. Environment of every run: a fixed PATH of the distribution's own programs, HOME in the scratch
folder, nothing else of the caller's, so that no MALLOC_ variable of his takes part.
"""
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
LIMIT_S = 120  # of one run: these take 1 to 10 s on an idle machine
LIMIT_MB = min(8192, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE") // 2**21)  # of a command's own process
SAMPLE_MS = 10


class Failed(Exception):
    """What went wrong in a run, in one line without paths of this machine."""


class Hopeless(Failed):
    """Too slow or too large: to repeat it would only end so again."""


def environment(home):
    return {"PATH": PATH, "HOME": str(home), "LC_ALL": "C", "TZ": "UTC", "TMPDIR": str(home)}


def quiet_check(argv, folder, env=None, stdin=subprocess.DEVNULL):
    """A client or a preparation that must succeed, on the system's allocator; what it said."""
    name = Path(str(argv[0])).name
    try:
        done = subprocess.run(
            [str(one) for one in argv],
            cwd=folder,
            env={**environment(folder), **(env or {})},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_S,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Hopeless(f"{name} was not done after {LIMIT_S} s") from None
    if done.returncode != 0:
        raise Failed(f"{name} ended with {done.returncode}: {last_line(done.stdout)}")
    return done.stdout.decode(errors="replace")


def last_line(text):
    lines = text.decode(errors="replace").strip().splitlines()
    return scrub(lines[-1]) if lines else "it said nothing"


def scrub(line):
    """Addresses of files and of memory say nothing to a reader elsewhere."""
    line = re.sub(r"(/[\w.+@-]+)+/", "", line)
    return re.sub(r"0x[0-9a-f]+", "0x…", line)[:160]


def launch_argv(launcher, command, report_fd, preload, env, options):
    argv = [str(launcher), "-o", str(report_fd), "-t", str(LIMIT_S), "-m", str(LIMIT_MB), *options]
    if preload:
        argv += ["-e", f"LD_PRELOAD={preload}"]
    for name, value in env.items():
        argv += ["-e", f"{name}={value}"]
    return argv + [str(one) for one in command]


@contextmanager
def launched(launcher, command, folder, preload, env=None, options=(), become=()):
    """A command under the launcher; yields (process, function that waits for its report)."""
    read_fd, write_fd = os.pipe()
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        process = subprocess.Popen(
            [*become, *launch_argv(launcher, command, write_fd, preload, env or {}, options)],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            pass_fds=[write_fd],
            start_new_session=True,
        )
    os.close(write_fd)
    with open(read_fd, encoding="utf-8") as reports:
        try:
            yield process, lambda: wait_report(process, reports)
        finally:
            if process.poll() is None:
                end(process)


def end(process):
    """First kindly, then not: the launcher passes the signal on to the command's group."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        for pid in descendants(process.pid):
            kill(pid)
        process.kill()
        process.wait()


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def wait_report(process, reports):
    text = reports.read()
    process.wait()
    if not text:
        raise Failed("the program could not be started")
    return json.loads(text)


def run_command(launcher, command, folder, preload, env=None, options=()):
    """One run of a command; its cost. Raises Failed with the reason if it did not end well."""
    with launched(launcher, command, folder, preload, env, options) as (_, wait):
        cost = wait()
    judge(cost, folder)
    return cost


def judge(cost, folder, accepted=(0,)):
    stderr = (folder / "stderr").read_bytes()
    if b"cannot be preloaded" in stderr:
        raise Failed("the library cannot be preloaded")
    if cost["timed_out"]:
        raise Hopeless(f"not done after {LIMIT_S} s")
    if cost["too_large"]:
        raise Hopeless(f"grew beyond {LIMIT_MB} MB")
    if cost["signal"] and cost["signal"] not in accepted:
        raise Failed(f"killed by {signal.Signals(cost['signal']).name}: {last_line(stderr)}")
    if cost["exit"] > 0 and cost["exit"] not in accepted:
        raise Failed(f"exit status {cost['exit']}: {last_line(stderr)}")


# Servers: the client's time counts, and the memory of the server's largest process.


class Watch(threading.Thread):
    """Samples a tree of processes: peak and course of the largest one's resident size, shared memory not counted."""

    def __init__(self, launcher_pid):
        super().__init__(daemon=True)
        self.launcher_pid = launcher_pid
        self.peak_kb = 0
        self.last_kb = 0
        self.rss_kb = []
        self.done = threading.Event()
        self.start_time = time.monotonic()

    def run(self):
        pids, turn = [], 0
        while not self.done.wait(2 * SAMPLE_MS / 1000):
            if turn % 8 == 0:
                pids = descendants(self.launcher_pid)
            turn += 1
            self.sample(pids)

    def sample(self, pids):
        sizes = [size for size in map(resident, pids) if size]
        if not sizes:
            return
        now_kb = max(now for now, _ in sizes)
        self.peak_kb = max(self.peak_kb, max(peak for _, peak in sizes))
        self.last_kb = now_kb
        self.rss_kb.append([round((time.monotonic() - self.start_time) * 1000), now_kb])

    def stop(self):
        self.done.set()
        self.join()
        step = max(1, len(self.rss_kb) // 300)
        self.rss_kb = self.rss_kb[::step]


def resident(pid):
    """(now, peak) in KB of a process, less the memory it shares with others by intent; None when it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            fields = dict(line.split(":", 1) for line in file)
    except (OSError, ValueError):
        return None
    if "VmHWM" not in fields:
        return None
    rss, peak, shared = (int(fields[name].split()[0]) for name in ("VmRSS", "VmHWM", "RssShmem"))
    return rss - shared, peak - shared


def descendants(pid):
    """The pids of all processes below one."""
    below = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            # A name may hold spaces: what follows the last parenthesis is certain.
            below.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        children = below.get(todo.pop(), [])
        found += children
        todo += children
    return found


def wait_until(ready, seconds, what):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except (OSError, Failed):
            pass
        time.sleep(0.02)
    raise Failed(f"{what} did not become ready: waited {seconds} s")


def run_server(launcher, program, context, preload):
    """One session: start, load, settle, stop. The program supplies server(), ready(), load() and settle()."""
    folder = context.folder
    with launched(launcher, program.server(context), folder, preload, program.environment, become=program.become) as (
        process,
        wait,
    ):
        wait_until(lambda: process.poll() is None and program.ready(context), 30, program.name)
        check_loaded(process.pid, preload)
        watch = Watch(process.pid)
        watch.start()
        try:
            elapsed = program.load(context)
            final_kb = settle(program, context, watch)
        finally:
            watch.stop()
        if process.poll() is not None:
            raise Failed(f"the server ended under load: {last_line((folder / 'stderr').read_bytes())}")
        process.send_signal(signal.SIGTERM)
        cost = wait()
    judge(cost, folder, accepted=(0, signal.SIGTERM))
    return {**cost, "elapsed": elapsed, "peak_kb": watch.peak_kb, "final_kb": final_kb, "rss_kb": watch.rss_kb}


def settle(program, context, watch):
    """The server's size after it was told to forget most of its data and idled a second; None where it has none."""
    if not program.settle(context):
        return None
    time.sleep(1)
    return watch.last_kb


def check_loaded(launcher_pid, preload):
    """A server that dropped LD_PRELOAD on its way would be measured on the wrong allocator."""
    if not preload:
        return
    name = os.path.basename(os.path.realpath(preload)) if "/" in preload else preload
    for pid in descendants(launcher_pid):
        try:
            if name in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace"):
                return
        except OSError:
            continue
    raise Failed("the server does not run on the library")


def scratch_folder():
    """Readable by all, since PostgreSQL runs as its own user."""
    folder = Path(tempfile.mkdtemp(prefix="bm-bench.", dir=os.environ.get("TMPDIR", "/tmp")))
    folder.chmod(0o755)
    return folder

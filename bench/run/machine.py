"""machine.py: what the numbers were measured on, and the allocators that can be had there.

Nothing here names the host or a folder of it: a result can be published as it is.
"""
import glob
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from measure import PATH, Failed, run_command

ROOT = Path(__file__).resolve().parents[2]
# name → (Debian's package, the library to preload)
PACKAGED = {
    "jemalloc": ("libjemalloc2", "libjemalloc.so.2"),
    "tcmalloc": ("libtcmalloc-minimal4", "libtcmalloc_minimal.so.4"),
    "mimalloc": ("libmimalloc2.0", "libmimalloc.so.2.0"),
    "tbb": ("libtbbmalloc2", "libtbbmalloc_proxy.so.2"),
}
DEFAULT = ("glibc", *PACKAGED, "ours")
ENGINES = ("bump", "firstfit", "buddy", "fibonacci")
SETS = {"engines": ("glibc", *ENGINES, "ours")}


@dataclass
class Allocator:
    name: str
    preload: str  # "" for the system's
    version: str


class BadArgument(Exception):
    """A wrong word of the caller's."""


def output_of(*argv):
    try:
        done = subprocess.run(
            argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, check=False, text=True
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def package_version(package):
    return output_of("dpkg-query", "-W", "-f", "${Version}", package)


def our_version():
    version = (ROOT / "VERSION").read_text(encoding="ascii").strip()
    commit = output_of("git", "rev-parse", "--short", "HEAD")
    changed = output_of("git", "status", "--porcelain", "--", "src", "preload", "include")
    return f"{version} ({commit}{', changed' if changed else ''})" if commit else version


def read(path, default=""):
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return default


def describe():
    cpu = re.search(r"^model name\s*:\s*(.*)$", read("/proc/cpuinfo"), re.M)
    memory = re.search(r"^MemTotal:\s*(\d+)", read("/proc/meminfo"), re.M)
    thp = re.search(r"\[(\w+)\]", read("/sys/kernel/mm/transparent_hugepage/enabled"))
    system = re.search(r'^PRETTY_NAME="(.*)"$', read("/etc/os-release"), re.M)
    return {
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(memory[1]) / 2**20) if memory else None,
        "kernel": platform.release().split("-")[0],
        "system": system[1] if system else platform.system(),
        "huge_pages": thp[1] if thp else "none",
        "page_kb": os.sysconf("SC_PAGESIZE") // 1024,
        "overcommit": read("/proc/sys/vm/overcommit_memory"),
    }


def known(name):
    """An allocator by name, or the reason why it cannot be had."""
    if name == "glibc":
        return Allocator(
            name, "", platform.libc_ver()[1] + (f" ({package_version('libc6')})" if package_version("libc6") else "")
        )
    if name == "ours":
        return library(name, ROOT / "libbuddymalloc.so", our_version(), "not built: run make")
    if name in engines():
        return library(name, ROOT / f"build/engines/lib{name}.so", "bench/engines", "not built: run make engines")
    package, file = PACKAGED[name]
    found = sorted(glob.glob(f"/usr/lib/*/{file}"))
    return (
        Allocator(name, found[0], package_version(package) or "unknown") if found else f"{package} is not installed"
    )


def engines():
    """The simple allocators: the usual ones, and any other that is built."""
    return (
        *ENGINES,
        *sorted(path.stem[3:] for path in (ROOT / "build/engines").glob("lib*.so") if path.stem[3:] not in ENGINES),
    )


def library(name, path, version, otherwise):
    return Allocator(name, str(path), version) if Path(path).is_file() else otherwise


# What a library says of itself, asked by a program that it serves: no dlopen, which some allocators refuse.
ASK = """
import ctypes
loaded = ctypes.CDLL(None)
if hasattr(loaded, "mi_version"):
    number = loaded.mi_version()
    parts = (number // 10000, number // 100 % 100, number % 100) if number > 9999 else tuple(str(number))
    print("mimalloc", ".".join(map(str, parts)))
elif hasattr(loaded, "tc_version"):
    loaded.tc_version.restype = ctypes.c_char_p
    print(loaded.tc_version(None, None, None).decode())
elif hasattr(loaded, "mallctl"):
    text, size = ctypes.c_char_p(), ctypes.c_size_t(ctypes.sizeof(ctypes.c_void_p))
    if loaded.mallctl(b"version", ctypes.byref(text), ctypes.byref(size), None, ctypes.c_size_t(0)) == 0:
        print("jemalloc", text.value.decode())
elif hasattr(loaded, "MallocExtension_Internal_GetNumericProperty"):
    print("Google's tcmalloc")
"""


def asked(path):
    """The library's own words for its version; without any, what tells its file from others."""
    try:
        done = subprocess.run(
            [sys.executable, "-S", "-c", ASK], env={"LD_PRELOAD": path, "PATH": PATH}, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, timeout=10, check=False, text=True,
        )
        said = done.stdout.strip() if done.returncode == 0 else ""
    except subprocess.TimeoutExpired:
        said = ""
    if re.search(r"\d", said):
        return said
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:8]
    return f"{said or 'version unknown'}, sha256 {digest}"


def given(word):
    """NAME=PATH, or NAME=PATH@VERSION for a library that does not tell its version itself."""
    name, path = word.split("=", 1)
    version = ""
    if "@" in path and not Path(path).is_file():
        path, version = path.rsplit("@", 1)
    if not re.fullmatch(r"[\w.+-]+", name) or not Path(path).is_file():
        raise BadArgument(f"ALLOC: {word}: wanted is name=path of a library that exists")
    path = os.path.realpath(path)
    return Allocator(name, path, version or asked(path))


def select(words):
    """(allocators, missing: name → reason). Bare names choose; name=path adds; without bare names
    the usual ones take part."""
    names, known_words = [], (*DEFAULT, *engines(), *SETS)
    for word in (word for word in words if "=" not in word):
        if word not in known_words:
            raise BadArgument(f"ALLOC: no allocator is called {word}; known: {' '.join(known_words)}, or name=path")
        names += [name for name in SETS.get(word, (word,)) if name not in names]
    allocators, missing = [], {}
    for name in names or DEFAULT:
        one = known(name)
        if isinstance(one, Allocator):
            allocators.append(one)
        else:
            missing[name] = one
    for one in (given(word) for word in words if "=" in word):
        if one.name in [other.name for other in allocators]:
            raise BadArgument(f"ALLOC: {one.name} is given twice")
        allocators.append(one)
    return allocators, missing


def stage(allocators, folder):
    """Copies what lies outside the system's folders: another user must read it, and a build during
    the run not change it."""
    folder.mkdir()
    for one in allocators:
        if one.preload and not one.preload.startswith("/usr/lib/"):
            # A name without the allocator's own: two builds of one library must not be mistaken for each other.
            copy = folder / f"lib{one.name}.so"
            shutil.copyfile(one.preload, copy)
            copy.chmod(0o755)
            one.preload = str(copy)


def usable(allocators, launcher, folder):
    """Each is loaded once by a program that does nothing; returns (those that can be, name →
    reason)."""
    good, bad = [], {}
    for one in allocators:
        try:
            run_command(launcher, ["/bin/true"], folder, one.preload)
            good.append(one)
        except Failed as reason:
            bad[one.name] = str(reason)
    return good, bad

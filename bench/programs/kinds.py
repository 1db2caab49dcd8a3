"""kinds.py: what a real program of the bench is: a command that is run to its end and timed, or a server that is started,
loaded by a client on the system's allocator, told to forget most of its data where that is possible, and stopped.
"""

import glob
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

INPUTS = Path(__file__).resolve().parent / "inputs"


@dataclass
class Context:
    """Where a run finds its input and may write; the same paths for every allocator."""

    size: int
    input: Path
    folder: Path
    port: int = 0


@dataclass
class Program:
    name: str
    what: str
    needs: tuple
    sizes: tuple
    environment: dict = field(default_factory=dict)
    outputs: tuple = ()  # files of the run's folder that, with its stdout, must be the same on every allocator
    curve: bool = True  # whether the size of the command's own process over time tells something
    libc: str = ""  # what to preload for "glibc": not nothing if Debian links the program against another malloc
    repeat: int = 1
    become: tuple = ()
    is_server = False

    def missing(self):
        return [path for path in self.needs if not glob.glob(path)]

    def prepare(self, context):
        """Makes the input, once."""

    def fresh(self, context):
        """Fills the new folder of one run."""


class Command(Program):
    def command(self, context):
        raise NotImplementedError

    def digest(self, context):
        """Of all that the run put out; what must not depend on the allocator."""
        total = hashlib.sha256((context.folder / "stdout").read_bytes())
        for pattern in self.outputs:
            for path in sorted(context.folder.glob(pattern)):
                total.update(path.read_bytes())
        return total.hexdigest()


class Server(Program):
    is_server = True

    def server(self, context):
        raise NotImplementedError

    def ready(self, context):
        raise NotImplementedError

    def load(self, context):
        """Seconds for a fixed amount of requests."""
        raise NotImplementedError

    def settle(self, context):
        """Forgets most of the data; false where a server cannot."""
        return False

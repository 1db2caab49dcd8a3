"""commands.py: the real programs that run to their end: interpreters, compilers, tools; each with its input and its command."""

import random
import shutil

from kinds import INPUTS, Command
from measure import quiet_check


class Script(Command):
    """An interpreter on a file of inputs/, which takes the size as its argument."""

    def __init__(self, interpreter, script, *middle, **options):
        super().__init__(**options)
        self.start = [interpreter, *middle]
        self.script = script

    def command(self, context):
        return [*self.start, INPUTS / self.script, context.size]


class Gawk(Command):
    def command(self, context):
        return ["/usr/bin/gawk", "-v", f"count={context.size}", "-f", INPUTS / "work.awk"]


# Compilers


def c_unit(functions):
    """A large unit of plain C: loops, switches, a table of functions."""
    lines = [
        "#include <stdio.h>",
        "#include <string.h>",
        "struct item { int key; double weight; struct item *next; };",
    ]
    for i in range(functions):
        again = f" + step{i - 1}(at, n / 2, to)" if i else ""
        lines.append(
            f"""static int step{i}(const struct item *at, int n, char *to) {{
	int sum = {i};
	for (int i = 0; i < n; i++) {{
		sum += at[i].key * {i * 7 + 1} ^ (sum >> {i % 13 + 1});
		if (at[i].weight > {i % 50}.5) sum -= (int)(at[i].weight * {i % 9 + 1});
		switch (sum & 7) {{ case 0: sum++; break; case 3: sum ^= 0x{i * 977:x}; break; case 5: to[i] = (char)sum; }}
	}}
	return sum + (int)strlen(to){again};
}}"""
        )
    table = ", ".join(f"step{i}" for i in range(functions))
    lines.append(f"int (*const steps[])(const struct item *, int, char *) = {{ {table} }};")
    return "\n".join(lines) + "\n"


class CUnit(Command):
    def __init__(self, compiler, **options):
        super().__init__(needs=(compiler,), outputs=("out.s",), **options)
        self.compiler = compiler

    def prepare(self, context):
        (context.input / "unit.c").write_text(c_unit(context.size), encoding="ascii")

    def command(self, context):
        return [self.compiler, "-std=c11", "-O2", "-S", context.input / "unit.c", "-o", "out.s"]


class Templates(Command):
    def command(self, context):
        return [
            "/usr/bin/g++", "-std=c++17", "-O1", "-S", f"-DCOUNT={context.size}", INPUTS / "templates.cc", "-o",
            "out.s",
        ]


class Make(Command):
    """Many short-lived processes: make, gcc, cc1, as, ld."""

    def fresh(self, context):
        for i in range(context.size):
            (context.folder / f"unit{i}.c").write_text(
                f"#include <string.h>\n#include <stdlib.h>\nint unit{i}(const char *s) {{ return (int)strlen(s) + {i}; }}\n",
                encoding="ascii",
            )
        (context.folder / "Makefile").write_text(
            "libunits.a: $(patsubst %.c,%.o,$(wildcard unit*.c))\n\tar rcsD $@ $(sort $^)\n"
            "%.o: %.c\n\tgcc -O1 -c $< -o $@\n",
            encoding="ascii",
        )

    def command(self, context):
        return ["/usr/bin/make", "-s", "-j4"]


class Start(Command):
    """As many starts of a program that does nothing as `sizes` says, one after the other."""

    def command(self, context):
        self.repeat = context.size
        return ["/bin/true"]


# Tools


class Git(Command):
    history = """set -e
git log -p --stat >log
git -c pack.threads=2 repack -adfq --window=20
git rev-list --objects --all | wc -l
git gc -q --prune=now
git fsck --full 2>&1
git count-objects
"""

    def prepare(self, context):
        bare = context.input / "repo.git"
        quiet_check(["/usr/bin/git", "init", "-q", "--bare", bare], context.input)
        stream = context.input / "stream"
        stream.write_bytes(commits(context.size))
        with open(stream, "rb") as source:
            quiet_check(["/usr/bin/git", f"--git-dir={bare}", "fast-import", "--quiet"], context.input, stdin=source)

    def fresh(self, context):
        shutil.copytree(context.input / "repo.git", context.folder, dirs_exist_ok=True)

    def command(self, context):
        return ["/bin/sh", "-c", self.history]


def commits(count):
    """A git fast-import stream: some 200 files, a few of them changed by every commit."""
    rng, out = random.Random(5), []
    for number in range(count):
        message = f"commit number {number}"
        out.append(
            f"commit refs/heads/master\ncommitter Tester <tester@localhost> {1500000000 + number} +0000\n"
            f"data {len(message)}\n{message}\n"
        )
        for _ in range(6):
            name = rng.randrange(200)
            text = "".join(
                f"line {i} of {name}: {'changed in ' + str(number) if rng.random() < 0.1 else name * i}\n"
                for i in range(40 + name)
            )
            out.append(f"M 100644 inline d{name % 20:02d}/f{name:03d}.txt\ndata {len(text)}\n{text}\n")
    return "".join(out).encode()


class Sqlite(Command):
    def prepare(self, context):
        text = (INPUTS / "rows.sql").read_text(encoding="ascii").replace("COUNT /", f"{context.size} /")
        (context.input / "rows.sql").write_text(text.replace("i < COUNT)", f"i < {context.size})"), encoding="ascii")

    def command(self, context):
        return ["/usr/bin/sqlite3", "-batch", ":memory:", f".read {context.input / 'rows.sql'}"]


class Ghostscript(Command):
    def command(self, context):
        return [
            "/usr/bin/gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=png16m", "-r100", "-dTextAlphaBits=4",
            f"-dCOUNT={context.size}", "-sOutputFile=page%d.png", INPUTS / "page.ps",
        ]


class ImageMagick(Command):
    def command(self, context):
        edge = context.size
        return [
            "/usr/bin/convert", "-limit", "thread", "2", "-seed", "5", "-size", f"{edge}x{edge * 3 // 4}",
            "plasma:red-blue", "-resize", "130%", "-rotate", "17", "-blur", "0x2", "(", "+clone", "-edge", "1",
            "-negate", ")", "-compose", "multiply", "-composite", "-distort", "Arc", "60", "-colorspace", "Lab",
            "-depth", "8", "out.ppm",
        ]

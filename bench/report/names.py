"""names.py: how an allocator is called and drawn: its title, its version in short, one colour and
one mark everywhere.

Colours are told apart with every common kind of colour blindness, on a light ground and on a dark
one; marks are for who sees none, or prints in grey. A page knows colours by name, as CSS variables.
"""

import re
from dataclasses import dataclass
from itertools import cycle

import results

COLOURS = {  # name → (on a light ground, on a dark one)
    "orange": ("#d9480f", "#ff7a3d"),
    "grey": ("#6b7480", "#9aa4b0"),
    "blue": ("#0e85d0", "#6ab4fe"),
    "green": ("#61982e", "#aae074"),
    "magenta": ("#c338bc", "#dd67d4"),
    "olive": ("#484500", "#9d9662"),
    "indigo": ("#3f59e0", "#8486fb"),
    "teal": ("#3aa17c", "#8be2be"),
    "crimson": ("#ac2b61", "#df6590"),
    "plum": ("#80518d", "#f4c3ff"),
    "salmon": ("#b66050", "#fca694"),
}
MARKS = {  # matplotlib's letter → the same in a square of 12
    "o": "M6 1A5 5 0 1 1 6 11A5 5 0 1 1 6 1Z",
    "s": "M2 2H10V10H2Z",
    "^": "M6 1L11 10.5H1Z",
    "D": "M6 .5L11.5 6L6 11.5L.5 6Z",
    "v": "M6 11L11 1.5H1Z",
    "P": "M4.2 1H7.8V4.2H11V7.8H7.8V11H4.2V7.8H1V4.2H4.2Z",
    "X": "M3.5 1L6 3.5L8.5 1L11 3.5L8.5 6L11 8.5L8.5 11L6 8.5L3.5 11L1 8.5L3.5 6L1 3.5Z",
    "<": "M1 6L10.5 1V11Z",
    ">": "M11 6L1.5 1V11Z",
    "*": "M6 .3L7.5 4.4L11.8 4.6L8.4 7.3L9.6 11.5L6 9.1L2.4 11.5L3.6 7.3L.2 4.6L4.5 4.4Z",
    "d": "M6 .5L9.5 6L6 11.5L2.5 6Z",
}
TITLES = (  # what the name or the version has in it → the title; the first that fits
    (r"^ours\b", "libbuddymalloc"),
    (r"google", "tcmalloc (Google)"),
    (r"gperftools|tcmalloc", "tcmalloc (gperftools)"),
    (r"jemalloc", "jemalloc"),
    (r"mimalloc", "mimalloc"),
    (r"snmalloc", "snmalloc"),
    (r"rpmalloc", "rpmalloc"),
    (r"^tbb", "oneTBB"),
)
FIRST = {  # the first allocator of a title looks so; all others take what is left
    "libbuddymalloc": ("orange", "o"),
    "glibc": ("grey", "s"),
    "jemalloc": ("blue", "^"),
    "tcmalloc (gperftools)": ("green", "D"),
    "mimalloc": ("magenta", "v"),
    "oneTBB": ("olive", "P"),
}
OTHERS = (("indigo", "X"), ("teal", "<"), ("crimson", ">"), ("plum", "*"), ("salmon", "d"))


@dataclass(frozen=True)
class Look:
    title: str
    version: str  # in short; "" where none is known
    colour: str
    mark: str
    ours: bool = False

    @property
    def label(self):
        return self.title if self.ours else f"{self.title} {self.version}".strip()


def short_version(version):
    found = re.search(r"\b\d+(\.\d+)+", version)
    return found[0] if found else ""


def title_of(name, version):
    """A family of allocators has one title; without a version to tell its members apart each keeps
    its own name."""
    title = next((title for pattern, title in TITLES if re.search(pattern, f"{name} {version}", re.I)), name)
    return title if short_version(version) or name in ("ours", "tbb") or title.startswith("tcmalloc") else name


def looks(result):
    """name → Look, in the order of the result."""
    about = {one["name"]: one["version"] for one in result["allocators"]}
    titles = {name: title_of(name, version) for name, version in about.items()}
    drawn, found, labels = drawings(titles), {}, set()
    for name, version in about.items():
        look = Look(titles[name], short_version(version), *drawn[name], name == "ours")
        if look.label in labels:
            look = Look(f"{look.title} “{name}”", look.version, look.colour, look.mark)
        labels.add(look.label)
        found[name] = look
    return found


def drawings(titles):
    """name → (colour, mark): first to those that FIRST knows, then what is left, then other pairs."""
    drawn = {}
    for name, title in titles.items():
        if title in FIRST and FIRST[title] not in drawn.values():
            drawn[name] = FIRST[title]
    left = [pair for pair in (*OTHERS, *FIRST.values()) if pair not in drawn.values()]
    again = [(colour, OTHERS[place % len(OTHERS) - 1][1]) for place, (colour, _) in enumerate(OTHERS)]
    rest = [name for name in titles if name not in drawn]
    drawn.update(zip(rest, cycle(left + again)))
    return drawn


def css_variables(ground):
    """The colours as declarations, for a light ground (0) or a dark one (1)."""
    return "".join(f"--{name}:{pair[ground]};" for name, pair in COLOURS.items())


class Drawn(results.Summary):
    """A result to be drawn: its allocators stand in one order everywhere, ours first, then from
    fast to slow."""

    def __init__(self, result):
        super().__init__(result)
        self.looks = looks(result)
        time, _ = self.means(("program", "workload"), "time")
        self.allocators.sort(key=lambda name: (name != "ours", time[name] or float("inf")))

    def ranked(self, key, measure):
        """The best first; those without a number last."""

        def place(name):
            stat = self.stat(key, name, measure)
            return stat.median if stat else float("inf")

        return sorted(self.allocators, key=place)

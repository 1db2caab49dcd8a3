"""pieces.py: what the sections of the report are made of: numbers with units, marks, bars, cards,
tables, the legend."""

from html import escape

from names import MARKS
from texts import SECTIONS

CLIP = 2.5  # bars longer than this many times the best are cut off
ROOM = 55  # percent of a bar's place that a cut-off bar takes; the number stands in the rest
SHADES = (1.02, 1.1, 1.25, 1.5, 2, 4)  # a cell of a heat map: how many of these are exceeded


def classes(look, *more):
    """The class attribute: ours is set off everywhere."""
    words = " ".join(word for word in ("ours" if look.ours else "", *more) if word)
    return f' class="{words}"' if words else ""


def seconds(value):
    if value >= 0.1:
        return f"{value:.2f} s"
    return f"{value * 1e3:.1f} ms" if value >= 1e-3 else f"{value * 1e6:.0f} µs"


def megabytes(kb):
    return f"{kb / 1024:.0f} MB" if kb >= 10240 else f"{kb / 1024:.1f} MB"


def multiple(ratio):
    """Three digits are enough, and a cell has no room for more."""
    return f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:.1f}" if ratio < 99.95 else f"{ratio:.0f}"


def joined(words):
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def section(anchor, *parts, **words):
    """A section of texts.py around its parts; nothing if there are none."""
    title, reading = SECTIONS[anchor]
    body = "\n".join(part for part in parts if part)
    head = f'<h2>{title}</h2>\n<p class="read">{reading.format(**words)}</p>'
    return f'<section id="{anchor}">{head}\n{body}</section>' if body else ""


# Allocators


def mark_id(letter):
    return f"mark-{list(MARKS).index(letter)}"


def mark_shapes():
    """Once a page: what the marks refer to."""
    shapes = "".join(
        f'<symbol id="{mark_id(letter)}" viewBox="0 0 12 12"><path d="{path}"/></symbol>' for letter, path in MARKS.items()
    )
    return f'<svg width="0" height="0" style="position:absolute" aria-hidden="true">{shapes}</svg>'


def mark(look):
    return f'<svg class="mark" style="fill:var(--{look.colour})"><use href="#{mark_id(look.mark)}"/></svg>'


def label(look):
    return f"<span{classes(look, 'name')}>{mark(look)}{escape(look.label)}</span>"


def legend(summary):
    items = "".join(f"<li>{label(summary.looks[name])}</li>" for name in summary.allocators)
    return f'<ul class="legend">{items}</ul>'


def heads(summary, first=""):
    """A column for each allocator: its mark, its title, its version below each other."""
    cells = [f"<th>{escape(first)}</th>"]
    for look in (summary.looks[name] for name in summary.allocators):
        title = escape(look.title).replace("libbuddy", "libbuddy&shy;").replace(" (", "<br>(")
        title = title.replace("gperf", "gperf&shy;")
        version = f"<br>{look.version}" if look.version and not look.ours else ""
        cells.append(f"<th{classes(look, 'column')}>{mark(look)}<br>{title}{version}</th>")
    return cells


# Tables


def table(head, rows, kind=""):
    body = "\n".join("<tr>" + "".join(row) + "</tr>" for row in rows)
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{"".join(head)}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def best_cells(values, summary, form):
    cells = []
    for name in summary.allocators:
        if name in values:
            best = "best" if values[name] == min(values.values()) else ""
            cells.append(f"<td{classes(summary.looks[name], best)}>{form.format(values[name])}</td>")
        else:
            cells.append("<td>–</td>")
    return cells


def shaded(ratio, text, look, hint=""):
    """A cell of a heat map."""
    shade = sum(ratio > limit for limit in SHADES)
    best = "least" if ratio < 1.0005 else ""
    title = f' title="{escape(hint)}"' if hint else ""
    return f"<td{classes(look, f'shade{shade}', best)}{title}>{text}</td>"


def scale():
    """What the shades of a heat map mean."""
    words = [f"up to {SHADES[0]}", *(f"to {limit}" for limit in SHADES[1:]), "above"]
    steps = "".join(f'<span class="shade{number}">{word}</span>' for number, word in enumerate(words))
    return f'<p class="shades">times the best of the row: {steps}</p>'


# Bars


def card(title, what, *lists):
    body = "".join(lists)
    return f'<div class="card"><h3>{escape(title)}</h3><p>{escape(what)}</p><div class="lists">{body}</div></div>'


def bar_list(head, rows):
    return f'<div class="list"><span class="head">{escape(head)}</span>{"".join(rows)}</div>'


def bar(look, ratio, span=None, hint="", end=CLIP):
    """The allocator's label and a bar as long as its ratio to the best; the place ends at `end`.
    span: a thin line from one ratio to another."""
    cut = ratio > end
    length, text_at = (min(one, end) / end * ROOM for one in (ratio, max(ratio, span[1] if span and not cut else 0)))
    line = ""
    if span and not cut:
        low, high = (min(one, end) / end * ROOM for one in span)
        line = f'<u style="left:{low:.1f}%;width:{high - low:.1f}%"></u>'
    title = f' title="{escape(hint)}"' if hint else ""
    return (
        f'{label(look)}<span{classes(look, "bar")}{title}><i style="width:{length:.1f}%;background:var(--{look.colour})">'
        f'</i>{line}<span class="value" style="left:{text_at:.1f}%">{multiple(ratio)}{" ›" if cut else ""}</span></span>'
    )

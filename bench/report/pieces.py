"""pieces.py: what the sections of the report are made of: numbers with units, bars, cards, tables, the legend."""

from html import escape

from texts import SECTIONS

try:
    import figures
except ImportError:
    figures = None

CLIP = 2.5  # bars longer than this many times the best are cut off
ROOM = 64  # percent of a bar's place that a cut-off bar takes; the number stands in the rest
PLAIN = ("var(--muted)", "o", "●")


def shown(name):
    return "libbuddymalloc" if name == "ours" else name


def style(name, allocators):
    return figures.style(name, allocators) if figures else PLAIN


def classes(name, *more):
    """The class attribute: ours is set off everywhere."""
    words = " ".join(word for word in ("ours" if name == "ours" else "", *more) if word)
    return f' class="{words}"' if words else ""


def seconds(value):
    if value >= 0.1:
        return f"{value:.2f} s"
    return f"{value * 1e3:.1f} ms" if value >= 1e-3 else f"{value * 1e6:.0f} µs"


def megabytes(kb):
    return f"{kb / 1024:.0f} MB" if kb >= 10240 else f"{kb / 1024:.1f} MB"


def joined(words):
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def section(anchor, *parts, **words):
    """A section of texts.py around its parts; nothing if there are none."""
    title, reading = SECTIONS[anchor]
    body = "\n".join(part for part in parts if part)
    head = f'<h2>{title}</h2>\n<p class="read">{reading.format(**words)}</p>'
    return f'<section id="{anchor}">{head}\n{body}</section>' if body else ""


def legend(allocators):
    items = []
    for name in allocators:
        colour, _, mark = style(name, allocators)
        items.append(f'<li{classes(name)}><span style="color:{colour}">{mark}</span> {escape(shown(name))}</li>')
    return f'<ul class="legend">{"".join(items)}</ul>'


def table(head, rows):
    cells = "".join(f"<th>{escape(one)}</th>" for one in head)
    body = "\n".join("<tr>" + "".join(row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def best_cells(values, allocators, form):
    cells = []
    for name in allocators:
        if name in values:
            best = "best" if values[name] == min(values.values()) else ""
            cells.append(f"<td{classes(name, best)}>{form.format(values[name])}</td>")
        else:
            cells.append("<td>–</td>")
    return cells


def card(title, what, rows):
    pairs = "".join(rows)
    return f'<div class="card"><h3>{escape(title)}</h3><p>{escape(what)}</p><div class="pair">{pairs}</div></div>'


def label(name):
    return f"<span{classes(name, 'name')}>{escape(name)}</span>"


def bar(stat, best, name, colour, text):
    """One bar: the ratio to the best, and as a thin line the range of its runs."""
    ratio, low, high = (min(value / best, CLIP) / CLIP * ROOM for value in (stat.median, stat.low, stat.high))
    cut = stat.median > best * CLIP
    span = "" if cut else f'<u style="left:{low:.1f}%;width:{high - low:.1f}%"></u>'
    end = ratio if cut else max(ratio, high)
    return (
        f'<span class="bar" title="{text}"><i{classes(name)} style="width:{ratio:.1f}%;background:{colour}"></i>{span}'
        f'<span class="value" style="left:{end:.1f}%">{stat.median / best:.2f}{" ›" if cut else ""}</span></span>'
    )

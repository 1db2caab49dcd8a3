"""figures.py: the pictures of the report, by matplotlib, as SVG that follows the reader's light or dark setting.

Text and lines that belong to the page are drawn in marker colours and then replaced by the page's CSS variables; each
allocator has one colour and one mark everywhere, legible on both grounds.
"""
import io
import re

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter  # noqa: E402

INK, MUTED, GRID, GROUND = "#010203", "#040506", "#070809", "#0a0b0c"
VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", GROUND: "--ground"}
STYLE_OF = {  # name → (colour, matplotlib's mark, the same as a character)
    "ours": ("#e8590c", "o", "●"),
    "glibc": ("#868e96", "s", "■"),
    "jemalloc": ("#228be6", "^", "▲"),
    "tcmalloc": ("#2f9e44", "D", "◆"),
    "mimalloc": ("#ae3ec9", "v", "▼"),
    "tbb": ("#b8860b", "P", "✚"),
}
SPARE = (
    ("#12a5a5", "X", "✖"),
    ("#d6336c", "<", "◀"),
    ("#7a6ff0", ">", "▶"),
    ("#74a30b", "p", "⬟"),
    ("#a0522d", "h", "⬢"),
)
FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'Liberation Sans', sans-serif"

plt.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "bench",
        "font.family": "sans-serif",
        "font.size": 10,
        "text.color": INK,
        "axes.labelcolor": MUTED,
        "axes.edgecolor": GRID,
        "axes.titlecolor": INK,
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "axes.grid": True,
        "grid.color": GRID,
        "grid.linewidth": 0.8,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "lines.solid_capstyle": "round",
    }
)


def style(name, allocators):
    if name in STYLE_OF:
        return STYLE_OF[name]
    others = [one for one in allocators if one not in STYLE_OF]
    return SPARE[others.index(name) % len(SPARE)]


def svg(figure, label):
    """The figure as an element to put into a page."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', f'role="img" aria-label="{label}"', text, count=1)
    # Two figures in one page must not share names, or one would borrow the other's shapes.
    prefix = re.sub(r"\W+", "-", label.lower())[:40]
    text = re.sub(r'id="', f'id="{prefix}-', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\1{prefix}-", text)
    for marker, variable in VARIABLES.items():
        text = text.replace(marker, f"var({variable})")
    text = re.sub(r"font:([^;\"]*?)\s*'[^;\"]*sans-serif", r"font:\1 var(--font)", text)
    return f'<div class="scroll">{text}</div>'


def standalone(text):
    """The same as a file of its own: it brings the variables along."""
    rules = (
        f"svg{{--ink:#1f2328;--muted:#59636e;--grid:#d1d9e0;--ground:#ffffff;--font:{FONT}}}"
        "@media(prefers-color-scheme:dark){svg{--ink:#f0f6fc;--muted:#9198a1;--grid:#3d444d;--ground:#0d1117}}"
    )
    text = text.removeprefix('<div class="scroll">').removesuffix("</div>")
    return re.sub(r"(<svg[^>]*>)", rf"\1<style>{rules}</style>", text, count=1)


def draw_line(axes, name, allocators, xs, ys, marked=True):
    colour, mark, _ = style(name, allocators)
    ours = name == "ours"
    axes.plot(
        xs,
        ys,
        color=colour,
        marker=mark if marked else None,
        markersize=6.5 if ours else 5,
        linewidth=2.4 if ours else 1.4,
        zorder=5 if ours else 3,
        markeredgewidth=0,
    )


def ratio_ticks(axis):
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))


# Time against memory


def scatter(panels, allocators):
    """panels: [(title, {allocator: (memory ratio, time ratio)})]."""
    figure, row = plt.subplots(1, len(panels), figsize=(5.2 * len(panels), 4.3), squeeze=False, layout="constrained")
    for axes, (title, points) in zip(row[0], panels):
        axes.set_title(title)
        for name, (memory, time) in points.items():
            colour, mark, _ = style(name, allocators)
            axes.scatter(
                [memory], [time], color=colour, marker=mark, s=130 if name == "ours" else 64, zorder=5, linewidths=0
            )
        label_points(axes, points, allocators)
        axes.set_xlabel("peak memory over the best →")
        axes.set_ylabel("time over the best →")
        ratio_ticks(axes.xaxis)
        ratio_ticks(axes.yaxis)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
        axes.annotate(
            "fast and lean", (0.02, 0.03), xycoords="axes fraction", color=MUTED, fontsize=9, style="italic"
        )
    return svg(figure, "time against memory")


def label_points(axes, points, allocators):
    """Beside each point, on the side where there is room; the upper of two that are close goes up. Axes begin at the best."""
    far_x, far_y = (max(max(values), 1.05) - 1 for values in zip(*points.values()))
    left, right, low, high = 1 - 0.05 * far_x, 1 + 1.12 * far_x, 1 - 0.05 * far_y, 1 + 1.12 * far_y
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    placed = []
    for name, (memory, time) in sorted(points.items(), key=lambda item: item[1][1]):
        x, y = (memory - left) / (right - left), (time - low) / (high - low)
        right_side = x < 0.75
        lift = 0.0
        while any(abs(y + lift - other_y) < 0.055 and abs(x - other_x) < 0.25 for other_x, other_y in placed):
            lift += 0.03
        placed.append((x, y + lift))
        axes.annotate(
            "libbuddymalloc" if name == "ours" else name,
            (memory, time),
            xytext=(9 if right_side else -9, lift * 250),
            textcoords="offset points",
            ha="left" if right_side else "right",
            va="center",
            color=style(name, allocators)[0],
            fontweight="bold" if name == "ours" else "normal",
            zorder=6,
        )


# Small multiples


def grid_of(count, columns, width, height):
    rows = -(-count // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), squeeze=False, layout="constrained"
    )
    figure.get_layout_engine().set(h_pad=0.12, w_pad=0.08)
    flat = list(axes.flat)
    for empty in flat[count:]:
        empty.set_visible(False)
    return figure, flat[:count]


def curves(panels, allocators, columns=3):
    """panels: [(title, {allocator: [[ms, kb], …]})]."""
    figure, flat = grid_of(len(panels), columns, 3.6, 2.3)
    for axes, (title, lines) in zip(flat, panels):
        axes.set_title(title)
        for name, samples in lines.items():
            draw_line(
                axes,
                name,
                allocators,
                [ms / 1000 for ms, _ in samples],
                [kb / 1024 for _, kb in samples],
                marked=False,
            )
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} MB"))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
    return svg(figure, "resident memory over time")


def scaling(panels, allocators, columns=4):
    """panels: [(title, {allocator: [(threads, operations per second), …]})]."""
    figure, flat = grid_of(len(panels), columns, 2.75, 2.2)
    for axes, (title, lines) in zip(flat, panels):
        axes.set_title(title)
        for name, points in lines.items():
            draw_line(axes, name, allocators, [threads for threads, _ in points], [rate / 1e6 for _, rate in points])
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(
            FixedLocator(sorted({threads for points in lines.values() for threads, _ in points}))
        )
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.set_ylim(bottom=0)
    for axes in flat[::columns]:
        axes.set_ylabel("million operations/s")
    for axes in flat[-columns:]:
        axes.set_xlabel("threads")
    return svg(figure, "throughput by number of threads")


PERCENTILES = ("p50", "p90", "p99", "p99.9", "p99.99", "max")


def latency(panels, allocators):
    """panels: [(title, {allocator: {percentile: ns}})]."""
    figure, row = plt.subplots(
        1, len(panels), figsize=(5.2 * len(panels), 3.6), squeeze=False, sharey=True, layout="constrained"
    )
    for axes, (title, lines) in zip(row[0], panels):
        axes.set_title(title)
        for name, by_percentile in lines.items():
            known = [(index, by_percentile[one]) for index, one in enumerate(PERCENTILES) if by_percentile.get(one)]
            draw_line(axes, name, allocators, [x for x, _ in known], [y for _, y in known])
        axes.set_yscale("log")
        axes.set_xticks(range(len(PERCENTILES)), PERCENTILES)
        nanoseconds(axes.yaxis)
    row[0][0].set_ylabel("time of one call")
    return svg(figure, "latency of single calls")


def nanoseconds(axis):
    axis.set_major_locator(LogLocator(10))
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(
        FuncFormatter(
            lambda value, _: f"{value / 1e6:g} ms"
            if value >= 1e6
            else f"{value / 1e3:g} µs"
            if value >= 1e3
            else f"{value:g} ns"
        )
    )


def by_size(panels, allocators):
    """panels: [(title, unit, {allocator: [(bytes, value), …]})]; both axes logarithmic."""
    figure, row = plt.subplots(1, len(panels), figsize=(5.2 * len(panels), 3.6), squeeze=False, layout="constrained")
    for axes, (title, unit, lines) in zip(row[0], panels):
        axes.set_title(title)
        for name, points in lines.items():
            draw_line(axes, name, allocators, [size for size, _ in points], [value for _, value in points])
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        sizes = sorted({size for points in lines.values() for size, _ in points})
        axes.xaxis.set_major_locator(FixedLocator(sizes[::2] if len(sizes) > 8 else sizes))
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value / 1024:g} K" if value >= 1024 else f"{value:g}")
        )
        axes.xaxis.set_minor_locator(FixedLocator([]))
        axes.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("bytes asked for")
        axes.set_ylabel(unit)
    return svg(figure, panels[0][0])

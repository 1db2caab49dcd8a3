"""figures.py: the pictures of the report, by matplotlib, as SVG that follows the reader's light or
dark setting.

Text and lines that belong to the page are drawn in marker colours and then replaced by the page's
CSS variables, the allocators' colours likewise. A picture has its natural size: an inch is 96
pixels, so that its type is the page's. `looks` is what names.py says of each allocator.
"""
import io
import re

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter  # noqa: E402

from labels import label_points  # noqa: E402
from names import COLOURS, css_variables  # noqa: E402

INK, MUTED, GRID, GROUND = "#010203", "#040506", "#070809", "#0a0b0c"
VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", GROUND: "ground"}
VARIABLES.update((pair[0], name) for name, pair in COLOURS.items())
WIDTH = 12.1  # inches: the page's
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


def svg(figure, label):
    """The figure as an element to put into a page."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r"(\d\.\d\d)\d+", r"\1", text)  # nobody sees a thousandth of a point
    width, height = (round(inches * 96) for inches in figure.get_size_inches())
    size = f'width="{width}" height="{height}" role="img" aria-label="{label}"'
    text = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', size, text, count=1)
    # Two figures in one page must not share names, or one would borrow the other's shapes.
    prefix = re.sub(r"\W+", "-", label.lower())[:40]
    text = re.sub(r'id="', f'id="{prefix}-', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\1{prefix}-", text)
    for marker, variable in VARIABLES.items():
        text = text.replace(marker, f"var(--{variable})")
    text = re.sub(r"font:([^;\"]*?)\s*'[^;\"]*sans-serif", r"font:\1 var(--font)", text)
    return f'<div class="scroll figure">{text}</div>'


def standalone(text):
    """The same as a file of its own: it brings the variables along."""
    light = "--ink:#1f2328;--muted:#59636e;--grid:#d1d9e0;--ground:#ffffff;"
    dark = "--ink:#f0f6fc;--muted:#9198a1;--grid:#3d444d;--ground:#0d1117;"
    rules = (
        f"svg{{{light}{css_variables(0)}--font:{FONT}}}"
        f"@media(prefers-color-scheme:dark){{svg{{{dark}{css_variables(1)}}}}}"
    )
    text = text.removeprefix('<div class="scroll figure">').removesuffix("</div>")
    return re.sub(r"(<svg[^>]*>)", rf"\1<style>{rules}</style>", text, count=1)


def draw_line(axes, look, xs, ys, every=1):
    """every: so many points from one mark to the next."""
    axes.plot(
        xs,
        ys,
        color=COLOURS[look.colour][0],
        marker=look.mark,
        markevery=every,
        markersize=7 if look.ours else 5.5,
        linewidth=2.6 if look.ours else 1.3,
        zorder=5 if look.ours else 3,
        markeredgewidth=0,
    )


def ratio_ticks(axis):
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))


# Time against memory


def scatter(panels, looks):
    """panels: [(title, {allocator: (memory ratio, time ratio)})]."""
    columns = max(2, len(panels))
    figure, row = plt.subplots(1, columns, figsize=(WIDTH, 4.6), squeeze=False, layout="constrained")
    for empty in row[0][len(panels) :]:
        empty.set_visible(False)
    for axes, (title, points) in zip(row[0], panels):
        axes.set_title(title)
        for name, (memory, time) in points.items():
            look = looks[name]
            axes.scatter(
                [memory], [time], color=COLOURS[look.colour][0], marker=look.mark, s=150 if look.ours else 70,
                zorder=5, linewidths=0, alpha=0.9,
            )
        frame(axes, points)
    figure.canvas.draw()  # where a label may lie is known only when everything else has its place
    figure.set_layout_engine("none")
    for axes, (_, points) in zip(row[0], panels):
        label_points(axes, points, looks, INK, MUTED)
    return svg(figure, "time against memory")


def frame(axes, points):
    """Axes begin at the best, and leave room for labels."""
    far_x, far_y = (max(max(values), 1.05) - 1 for values in zip(*points.values()))
    axes.set_xlim(1 - 0.05 * far_x, 1 + 1.35 * far_x)
    axes.set_ylim(1 - 0.05 * far_y, 1 + 1.15 * far_y)
    axes.set_xlabel("peak memory over the best →")
    axes.set_ylabel("time over the best →")
    for axis in (axes.xaxis, axes.yaxis):
        ratio_ticks(axis)
        axis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
    axes.annotate("fast and lean", (0.02, 0.03), xycoords="axes fraction", color=MUTED, fontsize=9, style="italic")


# Small multiples


def grid_of(count, columns, height):
    rows = -(-count // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, height * rows), squeeze=False, layout="constrained")
    figure.get_layout_engine().set(h_pad=0.12, w_pad=0.08)
    flat = list(axes.flat)
    for empty in flat[count:]:
        empty.set_visible(False)
    return figure, flat[:count]


def curves(panels, looks, columns=3):
    """panels: [(title, {allocator: [[ms, kb], …]})]."""
    figure, flat = grid_of(len(panels), columns, 2.5)
    for axes, (title, lines) in zip(flat, panels):
        axes.set_title(title)
        for name, samples in lines.items():
            every = max(1, len(samples) // 6)
            draw_line(axes, looks[name], [ms / 1000 for ms, _ in samples], [kb / 1024 for _, kb in samples], every)
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} MB"))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
    return svg(figure, "resident memory over time")


def scaling(panels, looks, columns=4):
    """panels: [(title, {allocator: [(threads, operations per second), …]})]."""
    figure, flat = grid_of(len(panels), columns, 2.4)
    for axes, (title, lines) in zip(flat, panels):
        axes.set_title(title)
        for name, points in lines.items():
            draw_line(axes, looks[name], [threads for threads, _ in points], [rate / 1e6 for _, rate in points])
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


def latency(panels, looks):
    """panels: [(title, {allocator: {percentile: ns}})]."""
    figure, row = plt.subplots(
        1, len(panels), figsize=(WIDTH / 2 * len(panels), 3.8), squeeze=False, sharey=True, layout="constrained"
    )
    for axes, (title, lines) in zip(row[0], panels):
        axes.set_title(title)
        for name, by_percentile in lines.items():
            known = [(index, by_percentile[one]) for index, one in enumerate(PERCENTILES) if by_percentile.get(one)]
            draw_line(axes, looks[name], [x for x, _ in known], [y for _, y in known])
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


def by_size(panels, looks):
    """panels: [(title, unit, {allocator: [(bytes, value), …]})]; both axes logarithmic."""
    figure, row = plt.subplots(
        1, len(panels), figsize=(WIDTH / 2 * len(panels), 3.8), squeeze=False, layout="constrained"
    )
    for axes, (title, unit, lines) in zip(row[0], panels):
        axes.set_title(title)
        for name, points in lines.items():
            draw_line(axes, looks[name], [size for size, _ in points], [value for _, value in points])
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

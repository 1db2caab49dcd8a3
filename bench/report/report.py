"""report.py: one page of pictures from one result; `make bench-report` runs it.

usage: report.py [RESULT.json] [--results DIR] [--out DIR] | --ready
Writes report.html (self-contained), scatter.svg and table.md, beside the result if that is not a
published one.
"""

import argparse
import sys
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "run"))

import results  # noqa: E402
from texts import LINKS, NO_MATPLOTLIB  # noqa: E402

try:
    import matplotlib  # noqa: F401
except ImportError:
    print(NO_MATPLOTLIB, file=sys.stderr)
    sys.exit(2)

import figures  # noqa: E402
import overview  # noqa: E402
import sections  # noqa: E402
from names import Drawn, css_variables  # noqa: E402
from pieces import mark_shapes, megabytes, seconds  # noqa: E402

GROUPS = (("program", "Real programs"), ("workload", "Known workloads"))


def means_of(summary):
    """title of a group → (allocator → (memory mean, time mean), how many workloads are in them)."""
    found = {}
    for group, title in GROUPS:
        time, count = summary.means((group,), "time")
        memory, _ = summary.means((group,), "peak_kb")
        points = {name: (memory[name], time[name]) for name in summary.allocators if memory[name] and time[name]}
        if points:
            found[title] = (points, count)
    return found


def body(summary, means):
    parts = [
        overview.scores(summary),
        overview.kept(summary),
        overview.heat_map(summary),
        sections.scatter(summary, means),
        sections.bars(summary, "program", "programs"),
        sections.bars(summary, "workload", "workloads"),
    ]
    for draw in ("curves", "threads", "latency", "cost", "tables", "failures", "limits", "machine"):
        parts.append(getattr(sections, draw)(summary))
    return "\n".join(part for part in parts if part)


def page(summary, means):
    result, about = summary.result, summary.result["machine"]
    content = body(summary, means)
    links = [f'<a href="#{anchor}">{title}</a>' for anchor, title in LINKS.items() if f'id="{anchor}"' in content]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>libbuddymalloc beside other allocators</title>
<style>
{css()}</style>
</head>
<body>
{mark_shapes()}
<main>
<h1>libbuddymalloc beside other allocators</h1>
<p class="meta">{result["date"]} · {escape(about["cpu"])}, {about["cores"]} cores · {escape(about["system"])} ·
{len(summary.workloads)} measurements on {len(summary.allocators)} allocators in one run of the bench</p>
{overview.warnings(result)}
{overview.lead(summary)}
<nav>{"".join(links)}</nav>
{content}
</main>
</body>
</html>
"""


def css():
    """With the colours of the allocators, on both grounds."""
    text = (HERE / "page.css").read_text(encoding="utf-8")
    dark = f"@media (prefers-color-scheme: dark) {{ :root {{ {css_variables(1)} }} }}"
    return f":root {{ {css_variables(0)} }}\n{dark}\n{text}"


# The table of the README


def markdown(summary, means):
    result, about = summary.result, summary.result["machine"]
    head = ["", *(summary.looks[name].label for name in summary.allocators)]
    lines = [
        f"Measured {result['date']} on {about['cpu']}, {about['cores']} cores, {about['system']}, Linux {about['kernel']}, "
        f"huge pages {about['huge_pages']}; {result['size']} inputs, medians of up to {result['runs_wanted']} runs.",
        "",
        markdown_row(head),
        "|" + "---|" * len(head),
    ]
    for measure, what in (("time", "time"), ("peak_kb", "peak memory"), ("final_kb", "what stays")):
        for group, title in GROUPS:
            lines += markdown_means(summary, (group,), measure, f"{title}: {what}")
    for key, one in summary.workloads.items():
        if one["group"] != "micro" and one["threads"] <= 1:
            lines.append(markdown_row([key, *(markdown_cell(summary, key, name) for name in summary.allocators)]))
    return "\n".join(lines) + "\n"


def markdown_row(cells):
    return "| " + " | ".join(cells) + " |"


def markdown_cell(summary, key, name):
    time, peak = (summary.stat(key, name, measure) for measure in ("seconds", "peak_kb"))
    if not time or not peak:
        return "failed" if summary.failures(key, name) else "–"
    return f"{seconds(time.median)}, {megabytes(peak.median)}"


def markdown_means(summary, groups, measure, title):
    means, count = summary.means(groups, measure)
    if not any(means.values()):
        return []
    cells = [f"{means[name]:.2f}" if means[name] else "–" for name in summary.allocators]
    best = min((cell for cell in cells if cell != "–"), key=float)
    cells = [f"**{cell}**" if cell == best else cell for cell in cells]
    return [markdown_row([f"{title} over the best, mean of {count}", *cells])]


def write_all(path, out):
    """Draws the result at path into the folder out."""
    summary = Drawn(results.read(path))
    means = means_of(summary)
    out.mkdir(parents=True, exist_ok=True)
    results.write_whole(out / "report.html", page(summary, means))
    results.write_whole(out / "table.md", markdown(summary, means))
    if means:
        panels = [(f"{title} ({count})", points) for title, (points, count) in means.items()]
        results.write_whole(out / "scatter.svg", figures.standalone(figures.scatter(panels, summary.looks)))
    print(f"drawn from {path.name}: report.html, scatter.svg, table.md in {out.resolve().name}/")


def place_for(path):
    """Beside the result; but the published pictures are drawn by bench-publish only."""
    return results.ROOT / "build/bench-report" if path.resolve().parent == results.PUBLISHED else path.parent


def main(argv):
    parser = argparse.ArgumentParser(prog="report.py", description="Draw the report of one result of the bench.")
    parser.add_argument("result", nargs="?", type=Path, help="a result; default: the newest")
    parser.add_argument("--results", type=Path, help="where to look for the newest")
    parser.add_argument("--out", type=Path, help="where report.html, scatter.svg and table.md go")
    parser.add_argument("--ready", action="store_true", help="end: can a page be drawn here?")
    options = parser.parse_args(argv)
    if options.ready:
        return 0
    folders = [options.results] if options.results else results.all_folders()
    try:
        path = options.result or results.newest(*folders)
        write_all(path, options.out or place_for(path))
    except results.BadResult as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

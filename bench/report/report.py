"""report.py: one page of pictures from one result; `make bench-report` runs it.

usage: report.py [RESULT.json] [--results DIR] [--out DIR]
Writes report.html (self-contained), scatter.svg and table.md. Without matplotlib the page has bars and tables only.
"""

import argparse
import sys
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
BENCH = HERE.parent
sys.path.append(str(BENCH / "run"))

import results  # noqa: E402
import sections  # noqa: E402
from pieces import figures, joined, megabytes, seconds, shown  # noqa: E402
from texts import LINKS, SMALL  # noqa: E402

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


def lead(means):
    """What the pictures say of us, in words, good or bad."""
    return "\n".join(
        f'<p class="lead">{title} ({count}): {verdict(points)}</p>'
        for title, (points, count) in means.items()
        if "ours" in points and len(points) > 1
    )


def verdict(points):
    memory, time = points["ours"]
    words = [
        f"libbuddymalloc takes <b>{time:.2f}×</b> the time and <b>{memory:.2f}×</b> the memory of whoever is best at each."
    ]
    others = {name: point for name, point in points.items() if name != "ours"}
    ahead = [name for name, point in others.items() if point[0] < memory and point[1] < time]
    faster = [name for name, point in others.items() if point[1] < time and name not in ahead]
    leaner = [name for name, point in others.items() if point[0] < memory and name not in ahead]
    if ahead:
        words.append(f"Ahead of it in both: {joined(ahead)}.")
    if faster:
        words.append(f"Faster, with more memory: {joined(faster)}.")
    if leaner:
        words.append(f"Leaner, but slower: {joined(leaner)}.")
    if not ahead and not faster and not leaner:
        words.append("No other allocator here is faster, and none is leaner.")
    return " ".join(words)


def body(summary, means):
    parts = [
        sections.front(summary, means),
        sections.bars(summary, "program", "programs"),
        sections.bars(summary, "workload", "workloads"),
    ]
    for draw in ("curves", "kept", "threads", "latency", "cost", "tables", "failures", "limits", "machine"):
        parts.append(getattr(sections, draw)(summary))
    return "\n".join(part for part in parts if part)


def page(summary, means):
    result, about = summary.result, summary.result["machine"]
    content = body(summary, means)
    links = [f'<a href="#{anchor}">{title}</a>' for anchor, title in LINKS.items() if f'id="{anchor}"' in content]
    small = "" if result["size"] == "full" else f'<p class="failed">{SMALL.format(size=result["size"])}</p>'
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>libbuddymalloc beside other allocators</title>
<style>
{(HERE / "page.css").read_text(encoding="utf-8")}</style>
</head>
<body>
<main>
<h1>libbuddymalloc beside other allocators</h1>
<p class="metadata">{result["date"]} · {escape(about["cpu"])}, {about["cores"]} cores · {escape(about["system"])} ·
{len(summary.workloads)} measurements on {len(summary.allocators)} allocators in one run of the bench</p>
{lead(means)}
{small}
<nav>{"".join(links)}</nav>
{content}
</main>
</body>
</html>
"""


# The table of the README


def markdown(summary, means):
    result, about = summary.result, summary.result["machine"]
    head = ["", *map(shown, summary.allocators)]
    lines = [
        f"Measured {result['date']} on {about['cpu']}, {about['cores']} cores, {about['system']}, Linux {about['kernel']}, "
        f"huge pages {about['huge_pages']}; {result['size']} inputs, medians of up to {result['runs_wanted']} runs.",
        "",
        markdown_row(head),
        "|" + "---|" * len(head),
    ]
    for title, (points, count) in means.items():
        for index, what in ((1, "time"), (0, "peak memory")):
            cells = [f"{points[name][index]:.2f}" if name in points else "–" for name in summary.allocators]
            best = min(cell for cell in cells if cell != "–")
            cells = [f"**{cell}**" if cell == best else cell for cell in cells]
            lines.append(markdown_row([f"{title}: {what} over the best, mean of {count}", *cells]))
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


def write_all(summary, out):
    means = means_of(summary)
    out.mkdir(parents=True, exist_ok=True)
    results.write_whole(out / "report.html", page(summary, means))
    results.write_whole(out / "table.md", markdown(summary, means))
    if figures and means:
        panels = [(f"{title} ({count})", points) for title, (points, count) in means.items()]
        results.write_whole(out / "scatter.svg", figures.standalone(figures.scatter(panels, summary.allocators)))


def main(argv):
    parser = argparse.ArgumentParser(prog="report.py", description="Draw the report of one result of the bench.")
    parser.add_argument("result", nargs="?", help="a result; default: the newest")
    parser.add_argument("--results", type=Path, default=BENCH / "results", help="where to look for the newest")
    parser.add_argument("--out", type=Path, default=BENCH, help="where report.html, scatter.svg and table.md go")
    options = parser.parse_args(argv)
    try:
        path = options.result or results.newest(options.results)
        summary = results.Summary(results.read(path))
    except results.BadResult as error:
        parser.error(str(error))
    if not figures:
        print("without pictures: python3-matplotlib is not installed (make bench-install)", file=sys.stderr)
    write_all(summary, options.out)
    print(
        f"drawn from {Path(path).name}: report.html, {'scatter.svg, ' if figures else ''}table.md in {options.out.name}/"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

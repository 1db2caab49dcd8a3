"""sections.py: the sections of the report, each from a summary to a piece of the page; empty if nothing of it was measured."""

from html import escape
from statistics import median

from pieces import (
    bar,
    best_cells,
    card,
    classes,
    figures,
    label,
    legend,
    megabytes,
    seconds,
    section,
    shown,
    style,
    table,
)
from texts import AGAIN, LIMITS


def front(summary, means):
    if not means:
        return ""
    panels = [(f"{title} ({count})", points) for title, (points, count) in means.items()]
    head = ["allocator"] + [f"{title.lower()}: {what}" for title in means for what in ("time", "memory")]
    rows = [front_row(name, means) for name in summary.allocators]
    return section("front", figures and figures.scatter(panels, summary.allocators), table(head, rows))


def front_row(name, means):
    cells = [f"<td{classes(name)}>{escape(shown(name))}</td>"]
    for points, _ in means.values():
        for value in reversed(points.get(name, (None, None))):
            cells.append(f"<td{classes(name)}>{value:.3f}</td>" if value else "<td>–</td>")
    return cells


# Bars


def bars(summary, group, anchor):
    keys = [key for key, about in summary.workloads.items() if about["group"] == group and about["threads"] <= 1]
    cards = "".join(bars_card(summary, key) for key in keys)
    return section(anchor, f'<div class="cards">{cards}</div>' if cards else "")


def bars_card(summary, key):
    rows = ['<span></span><span class="head">time</span><span class="head">peak memory</span>']
    for name in summary.allocators:
        rows.append(label(name))
        rows += [bars_cell(summary, key, name, measure) for measure in ("time", "peak_kb")]
    return card(key, summary.workloads[key]["what"], rows)


def bars_cell(summary, key, name, measure):
    if measure not in summary.workloads[key]["counts"]:
        return "<span></span>"
    stat = summary.stat(key, name, measure)
    if not stat:
        failures = summary.failures(key, name)
        return f'<span class="failed" title="{escape(failures[0])}">failed</span>' if failures else "<span>–</span>"
    best = min(one.median for one in summary.row(key, measure).values() if one)
    value = megabytes(stat.median) if measure == "peak_kb" else seconds(summary.stat(key, name, "seconds").median)
    low, high = (f"{end / stat.median - 1:+.1%}" for end in (stat.low, stat.high))
    text = f"{shown(name)}: {value}, {len(stat.values)} runs, {low} … {high}"
    return bar(stat, best, name, style(name, summary.allocators)[0], escape(text))


# Memory


def curves(summary):
    panels = []
    for key in summary.workloads:
        lines = {name: first_curve(summary, key, name) for name in summary.allocators}
        lines = {name: line for name, line in lines.items() if line}
        if lines:
            panels.append((key, lines))
    if not panels or not figures:
        return ""
    return section("curves", legend(summary.allocators), figures.curves(panels, summary.allocators))


def first_curve(summary, key, name):
    found = [run["rss_kb"] for run in summary.runs.get((key, name), []) if len(run.get("rss_kb") or []) > 4]
    return found[0] if found else None


def kept(summary):
    keys = [key for key, about in summary.workloads.items() if about["threads"] <= 1]
    cards = "".join(kept_card(summary, key) for key in keys if any(summary.row(key, "final_kb").values()))
    return section("kept", f'<div class="cards">{cards}</div>' if cards else "")


def kept_card(summary, key):
    largest = max(stat.median for stat in summary.row(key, "peak_kb").values() if stat)
    rows = []
    for name in summary.allocators:
        rows += [label(name), kept_bar(summary, key, name, largest)]
    return card(key, summary.workloads[key]["what"], rows)


def kept_bar(summary, key, name, largest):
    peak, final = (summary.stat(key, name, measure) for measure in ("peak_kb", "final_kb"))
    if not peak or not final:
        return '<span class="wide failed">failed</span>'
    colour = style(name, summary.allocators)[0]
    pale, solid = (stat.median / largest * 58 for stat in (peak, final))
    pale = max(pale, solid)
    return (
        f'<span class="bar wide"><i class="peak" style="width:{pale:.1f}%;background:{colour}"></i>'
        f'<i{classes(name)} style="width:{solid:.1f}%;background:{colour}"></i>'
        f'<span class="value" style="left:{pale:.1f}%">{megabytes(final.median)} of {megabytes(peak.median)}</span></span>'
    )


# Lines


def threads(summary):
    families = {}
    for key, about in summary.workloads.items():
        if about["threads"]:
            families.setdefault(about["name"], []).append((about["threads"], key))
    panels = [(name, rates(summary, sorted(keys))) for name, keys in families.items() if len(keys) > 1]
    panels = [(name, lines) for name, lines in panels if lines]
    if not panels or not figures:
        return ""
    picture = figures.scaling(panels, summary.allocators)
    return section("threads", legend(summary.allocators), picture, cores=summary.result["machine"]["cores"])


def rates(summary, keys):
    """allocator → [(threads, operations per second)]."""
    lines = {}
    for name in summary.allocators:
        stats = [(count, summary.stat(key, name, "time")) for count, key in keys]
        points = [(count, 1e9 / stat.median) for count, stat in stats if stat]
        if points:
            lines[name] = points
    return lines


def medians_of(runs, member):
    """A dictionary of numbers in every run → the same of medians."""
    found = [run[member] for run in runs if run.get(member)]
    return {one: median(values[one] for values in found) for one in found[0]} if found else {}


def latency(summary):
    panels = []
    for key, about in summary.workloads.items():
        for call in ("malloc", "free") if about["threads"] <= 1 else ():
            lines = {name: latencies(summary, key, name, call) for name in summary.allocators}
            lines = {name: line for name, line in lines.items() if line}
            if lines:
                panels.append((f"{call} in {key}", lines))
    if not panels or not figures:
        return ""
    return section("latency", legend(summary.allocators), figures.latency(panels, summary.allocators))


def latencies(summary, key, name, call):
    return medians_of([run.get("latency_ns") or {} for run in summary.runs.get((key, name), [])], call)


# One call


def cost(summary):
    single = {name: singly(summary, name) for name in summary.allocators}
    timed = {name: nanoseconds(summary, name) for name in summary.allocators}
    panels = []
    for title, unit, lines in (
        ("instructions per malloc and free", "instructions", single),
        ("time per malloc and free", "nanoseconds", timed),
    ):
        lines = {name: points for name, points in lines.items() if points}
        if lines:
            panels.append((title, unit, lines))
    picture = figures.by_size(panels, summary.allocators) if panels and figures else ""
    return section("cost", picture and legend(summary.allocators), picture, batches(summary), orders(summary))


def counted(summary, name):
    return [one for run in summary.runs.get(("instructions", name), []) for one in run.get("instructions", [])]


def singly(summary, name):
    return [(one["size"], one["instructions"]) for one in counted(summary, name) if one["batch"] == 1]


def nanoseconds(summary, name):
    return [(int(size), ns) for size, ns in medians_of(summary.runs.get(("pairs", name), []), "ns_per_pair").items()]


def batches(summary):
    by_pair = {}
    for name in summary.allocators:
        for one in counted(summary, name):
            by_pair.setdefault((one["batch"], one["size"]), {})[name] = one["instructions"]
    rows = []
    for (batch, size), values in sorted(by_pair.items()):
        how = f", {batch} taken, then {batch} freed" if batch > 1 else ""
        rows.append([f"<td>{size} B{how}</td>", *best_cells(values, summary.allocators, "{:.0f}")])
    return table(["instructions", *map(shown, summary.allocators)], rows) if rows else ""


def orders(summary):
    by_order = {}
    for name in summary.allocators:
        for order, ns in medians_of(summary.runs.get(("batch", name), []), "ns_by_order").items():
            by_order.setdefault(order, {})[name] = ns
    rows = [
        [f"<td>{escape(order)}</td>", *best_cells(values, summary.allocators, "{:.1f} ns")]
        for order, values in by_order.items()
    ]
    return table(["batch of 50 000, freed", *map(shown, summary.allocators)], rows) if rows else ""


# Numbers

MEASURES = (
    ("seconds", "Time", seconds),
    ("cpu", "Processor time, all processes and threads", seconds),
    ("peak_kb", "Peak resident memory", megabytes),
    ("minor_faults", "Page faults", "{:.0f}".format),
    ("syscalls", "Calls to the kernel for memory and waiting", "{:.0f}".format),
)


def tables(summary):
    parts = []
    for measure, title, show in MEASURES:
        rows = [numbers_row(summary, key, measure, show) for key in summary.workloads]
        rows = [row for row in rows if row]
        if rows:
            body = table(["workload", *map(shown, summary.allocators)], rows)
            parts.append(f"<details><summary>{title}</summary>{body}</details>")
    return section("tables", *parts)


def numbers_row(summary, key, measure, show):
    stats = summary.row(key, measure)
    known = [stat.median for stat in stats.values() if stat]
    if not known:
        return None
    cells = [f"<td>{escape(key)}</td>"]
    for name, stat in stats.items():
        if stat:
            best = "best" if stat.median == min(known) else ""
            spread = f"<small>±{stat.mad / stat.median:.0%}</small>"
            cells.append(f"<td{classes(name, best)}>{show(stat.median)} {spread}</td>")
        else:
            cells.append('<td class="failed">failed</td>' if summary.failures(key, name) else "<td>–</td>")
    return cells


def failures(summary):
    rows = [
        f"<li><b>{escape(key)}</b> on {escape(shown(name))}: {escape(sentence)} ({failed} of {count} runs)</li>"
        for key, name, sentence, failed, count in summary.all_failures()
    ]
    for one in summary.result["missing"] + summary.result["skipped"]:
        rows.append(f"<li>{escape(one['name'])}: {escape(one['why'])}</li>")
    return section(
        "failures", f"<ul>{''.join(rows)}</ul>" if rows else "<p>Nothing failed, and nothing was missing.</p>"
    )


def limits(_summary):
    return section("limits", LIMITS)


def machine(summary):
    result, about = summary.result, summary.result["machine"]
    facts = {
        "date": result["date"],
        "processor": f"{about['cpu']}, {about['cores']} cores",
        "memory": f"{about['memory_gb']} GB",
        "system": f"{about['system']}, Linux {about['kernel']}, pages of {about['page_kb']} KB",
        "huge pages": f"{about['huge_pages']} (transparent_hugepage/enabled)",
        "overcommit": about["overcommit"],
        "load before the start": about["load_at_start"],
        "inputs": f"{result['size']}, up to {result['runs_wanted']} runs of each",
        "it took": f"{result['seconds_taken'] // 60} minutes"
        + ("" if result["complete"] else ", and was interrupted"),
    }
    facts.update((shown(one["name"]), one["version"]) for one in result["allocators"])
    rows = "".join(f"<dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items())
    return section("machine", f"<dl>{rows}</dl>", AGAIN)

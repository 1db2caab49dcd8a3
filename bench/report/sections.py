"""sections.py: the sections of the report, each from a summary to a piece of the page; empty if
nothing of it was measured."""

from html import escape
from statistics import median

import figures
from pieces import bar, bar_list, best_cells, card, classes, heads, label, legend, megabytes, seconds, section, table
from texts import AGAIN, LIMITS


def scatter(summary, means):
    if not means:
        return ""
    panels = [(f"{title} ({count})", points) for title, (points, count) in means.items()]
    return section("scatter", figures.scatter(panels, summary.looks))


# Bars

COUNTED = {
    "time": ("time", seconds),
    "peak_kb": ("peak memory", megabytes),
    "mappings": ("mappings", "{:.0f}".format),
    "mapped_kb": ("address space", megabytes),
}


def bars(summary, group, anchor):
    keys = [key for key, about in summary.workloads.items() if about["group"] == group and about["threads"] <= 1]
    cards = "".join(bars_card(summary, key) for key in keys)
    return section(anchor, f'<div class="cards">{cards}</div>' if cards else "")


def bars_card(summary, key):
    about = summary.workloads[key]
    lists = []
    for measure in about["counts"]:
        rows = [bars_row(summary, key, name, measure) for name in summary.ranked(key, measure)]
        lists.append(bar_list(COUNTED[measure][0], rows))
    return card(key, about["what"], *lists)


def bars_row(summary, key, name, measure):
    look, stat = summary.looks[name], summary.stat(key, name, measure)
    if not stat:
        failures = summary.failures(key, name)
        hint = f' class="failed" title="{escape(failures[0])}"' if failures else ""
        return f"{label(look)}<span{hint}>{'failed' if failures else '–'}</span>"
    best = min(one.median for one in summary.row(key, measure).values() if one)
    told = summary.stat(key, name, "seconds") if measure == "time" else stat  # not the time of one operation
    value = COUNTED[measure][1](told.median)
    low, high = (f"{end / stat.median - 1:+.1%}" for end in (stat.low, stat.high))
    hint = f"{look.label}: {value}, {len(stat.values)} runs, {low} … {high}"
    return bar(look, stat.median / best, span=(stat.low / best, stat.high / best), hint=hint)


# Memory


def curves(summary):
    panels = []
    for key in summary.workloads:
        lines = {name: first_curve(summary, key, name) for name in summary.allocators}
        lines = {name: line for name, line in lines.items() if line}
        if lines:
            panels.append((key, lines))
    if not panels:
        return ""
    return section("curves", legend(summary), figures.curves(panels, summary.looks))


def first_curve(summary, key, name):
    found = [run["rss_kb"] for run in summary.runs.get((key, name), []) if len(run.get("rss_kb") or []) > 4]
    return found[0] if found else None


# Lines


def threads(summary):
    families = {}
    for key, about in summary.workloads.items():
        if about["threads"]:
            families.setdefault(about["name"], []).append((about["threads"], key))
    panels = [(name, rates(summary, sorted(keys))) for name, keys in families.items() if len(keys) > 1]
    panels = [(name, lines) for name, lines in panels if lines]
    if not panels:
        return ""
    picture = figures.scaling(panels, summary.looks)
    return section("threads", legend(summary), picture, cores=summary.result["machine"]["cores"])


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
    if not panels:
        return ""
    return section("latency", legend(summary), figures.latency(panels, summary.looks))


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
    picture = figures.by_size(panels, summary.looks) if panels else ""
    return section("cost", picture and legend(summary), picture, batches(summary), orders(summary))


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
        rows.append([f"<td>{size} B{how}</td>", *best_cells(values, summary, "{:.0f}")])
    return table(heads(summary, "instructions"), rows) if rows else ""


def orders(summary):
    by_order = {}
    for name in summary.allocators:
        for order, ns in medians_of(summary.runs.get(("batch", name), []), "ns_by_order").items():
            by_order.setdefault(order, {})[name] = ns
    rows = [
        [f"<td>{escape(order)}</td>", *best_cells(values, summary, "{:.1f} ns")]
        for order, values in by_order.items()
    ]
    return table(heads(summary, "batch of 50 000, freed"), rows) if rows else ""


# Numbers

MEASURES = (
    ("seconds", "Time", seconds),
    ("cpu", "Processor time, all processes and threads", seconds),
    ("peak_kb", "Peak resident memory", megabytes),
    ("final_kb", "Resident memory when the work is over", megabytes),
    ("mappings", "Mappings of the address space", "{:.0f}".format),
    ("mapped_kb", "Address space", megabytes),
    ("minor_faults", "Page faults", "{:.0f}".format),
    ("syscalls", "Calls to the kernel for memory and waiting", "{:.0f}".format),
)


def tables(summary):
    parts = []
    for measure, title, show in MEASURES:
        rows = [numbers_row(summary, key, measure, show) for key in summary.workloads]
        rows = [row for row in rows if row]
        if rows:
            body = table(heads(summary, "workload"), rows)
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
            cells.append(f"<td{classes(summary.looks[name], best)}>{show(stat.median)} {spread}</td>")
        else:
            cells.append('<td class="failed">failed</td>' if summary.failures(key, name) else "<td>–</td>")
    return cells


def failures(summary):
    rows = [
        f"<li><b>{escape(key)}</b> on {escape(summary.looks[name].label)}: {escape(sentence)} ({failed} of {count} runs)</li>"
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
        "others at work": company(result),
        "inputs": f"{result['size']}, up to {result['runs_wanted']} runs of each",
        "it took": f"{result['seconds_taken'] // 60} minutes"
        + ("" if result["complete"] else ", and was interrupted"),
    }
    facts.update((summary.looks[one["name"]].label, one["version"]) for one in result["allocators"])
    rows = "".join(f"<dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items())
    return section("machine", f"<dl>{rows}</dl>", AGAIN)


def company(result):
    """What else the machine did, as far as it was measured."""
    known, found = result.get("busy", {}), []
    for name, words in (("others_at_start", "{:.0%} just before"), ("others", "{:.0%} during the run")):
        if name in known:
            found.append("other programs " + words.format(known[name]))
    if "steal" in known:
        found.append(f"other guests {known['steal']:.0%}")
    load = known.get("load_at_start", result["machine"].get("load_at_start"))
    end = f", {known['load_at_end']} at the end" if "load_at_end" in known else ""
    return "; ".join([*found, f"load {load} before the start{end}"])

"""overview.py: the first screens of the report: the verdict, who is ahead, what stays, and all
workloads at one look."""

from html import escape

import busy
from pieces import bar, bar_list, classes, heads, joined, megabytes, multiple, scale, section, shaded, table
from texts import SMALL

ALL = ("program", "workload")
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
SCORES = (("final_kb", "what stays"), ("peak_kb", "peak memory"), ("time", "time"))
# Of the workloads where ours takes more than BEHIND times the best, so many are named.
BEHIND, WORST = 1.1, 3
ROOMY = 48  # rows of the heat map that fit a screen without being set closer
COLUMNS = 8
SEEN = 14  # rows of what stays that are seen at once


# In words


def lead(summary):
    """What the pictures say of ours, good or bad."""
    if "ours" not in summary.allocators or len(summary.allocators) < 2:
        return ""
    places = [place(summary, *score) for score in SCORES]
    behind = [furthest_behind(summary, *score) for score in SCORES]
    lines = [". ".join(one for one in places if one), "; ".join(one for one in behind if one)]
    before = ("", "Furthest behind the best ")
    return "\n".join(f"<p>{start}{line}.</p>" for start, line in zip(before, lines) if line)


def place(summary, measure, title):
    means, _ = summary.means(ALL, measure)
    known = sorted((mean, name) for name, mean in means.items() if mean)
    names = [name for _, name in known]
    if "ours" not in names:
        return ""
    rank = names.index("ours")
    ordinal = ORDINALS[rank] if rank < len(ORDINALS) else f"number {rank + 1}"
    ahead = joined([escape(summary.looks[name].label) for name in names[:rank]]) if 0 < rank <= 3 else ""
    behind = f", behind {ahead}" if ahead else ""
    return f"In {title} libbuddymalloc is <b>{ordinal} of {len(known)}</b> ({means['ours']:.2f}× the best{behind})"


def furthest_behind(summary, measure, title):
    """Of a workload that runs with several numbers of threads, the worst."""
    found = {}
    for key in summary.keys(ALL, measure):
        ratio = summary.ratios(key, measure)["ours"]
        name = summary.workloads[key]["name"]
        if ratio and ratio > max(BEHIND, found.get(name, (0, ""))[0]):
            found[name] = (ratio, key)
    if not found:
        return ""
    worst = [f"{key} {multiple(ratio)}×" for ratio, key in sorted(found.values(), reverse=True)[:WORST]]
    return f"in {title}: {joined(worst)}"


def warnings(result):
    """What must be known before any number is believed."""
    found = []
    reasons = busy.reasons(result)
    if reasons:
        found.append(
            f"<b>The machine was busy.</b> {' '.join(map(escape, reasons))} A difference of a few per cent in time tells nothing "
            f"here. (This is said when other programs take {busy.OTHERS:.0%} of the processors' time, or other guests "
            f"{busy.STEAL:.0%}, or, where neither was measured, when the load is {busy.LOAD} per core.)"
        )
    if result["size"] != "full":
        found.append(SMALL.format(size=escape(result["size"])))
    if not result["complete"]:
        found.append("The run was interrupted: what is missing here was not reached.")
    return "\n".join(f'<p class="warning" role="alert">{one}</p>' for one in found)


# Who is ahead


def scores(summary):
    columns = []
    for measure, title in SCORES:
        means, count = summary.means(ALL, measure)
        known = sorted((mean, name) for name, mean in means.items() if mean)
        if known:
            rows = [bar(summary.looks[name], mean, end=known[-1][0]) for mean, name in known]
            columns.append(bar_list(f"{title}, mean of {count}", rows))
    return section("scores", f'<div class="scores">{"".join(columns)}</div>' if columns else "")


# What stays


def kept(summary):
    keys = [key for key in summary.keys(ALL, "final_kb") if any(summary.row(key, "final_kb").values())]
    rows = [kept_row(summary, key) for key in sorted(keys, key=lambda key: weight(summary, key))]
    peak = '<th class="column after">at the peak, libbuddy&shy;malloc</th>' if ours_in(summary) else ""
    head = [*heads(summary, "workload"), peak]
    parts = [table(head, rows[:SEEN], kind(summary, "kept")) + scale()] if rows else []
    if rows[SEEN:]:
        more = table(head, rows[SEEN:], kind(summary, "kept"))
        parts.append(f"<details><summary>{len(rows[SEEN:])} more</summary>{more}</details>")
    return section("kept", *parts)


def kind(summary, words):
    """The classes of a heat map: many columns share the width of the page, a few keep their own."""
    return f"heat {words}{' shared' if len(summary.allocators) >= COLUMNS else ''}"


def ours_in(summary):
    return "ours" in summary.allocators


def weight(summary, key):
    """Programs first, then one thread, then by how much it matters who runs it: from the least kept
    to the most."""
    about = summary.workloads[key]
    medians = [stat.median for stat in summary.row(key, "final_kb").values() if stat]
    return about["group"] != "program", about["threads"] > 1, min(medians) - max(medians)


def kept_row(summary, key):
    row, ratios = summary.row(key, "final_kb"), summary.ratios(key, "final_kb")
    cells = [row_head(summary, key)]
    for name in summary.allocators:
        stat, peak = row[name], summary.stat(key, name, "peak_kb")
        hint = f"{summary.looks[name].label}: {multiple(ratios[name])}× the least" if stat else ""
        hint += f", of {megabytes(peak.median)} at the peak" if stat and peak else ""
        cells.append(heat_cell(summary, key, name, ratios[name], stat and megabytes(stat.median), hint))
    peak = summary.stat(key, "ours", "peak_kb") if ours_in(summary) else None
    return [*cells, f'<td class="after">{megabytes(peak.median)}</td>' if peak else "<td></td>"]


# All workloads at one look


def heat_map(summary):
    keys = [key for key in summary.keys(ALL, None) if {"time", "peak_kb"} & set(summary.workloads[key]["counts"])]
    single = [key for key in keys if summary.workloads[key]["threads"] <= 1]
    several = [key for key in keys if key not in single]
    parts = [scale(), heat_table(summary, single, with_means=True)] if single else []
    if several:
        more = heat_table(summary, several)
        parts.append(f"<details><summary>The same with 2 and more threads</summary>{more}</details>")
    return section("map", *parts)


def heat_table(summary, keys, with_means=False):
    head = [*heads(summary), '<th class="gap"></th>', *heads(summary)[1:]]
    span = len(summary.allocators)
    groups = f'<tr><th></th><th class="half" colspan="{span}">time</th><th></th><th class="half" colspan="{span}">peak memory</th></tr>'
    rows = []
    for group, title in (("program", "real programs"), ("workload", "known workloads")):
        members = [key for key in keys if summary.workloads[key]["group"] == group]
        rows += [heat_row(summary, key) for key in members]
        if members and with_means:
            rows.append(mean_row(summary, group, f"mean of {title}"))
    body = table(head, rows, kind(summary, "map dense" if len(rows) > ROOMY else "map"))
    return body.replace("<thead>", f"<thead>{groups}", 1)


def heat_row(summary, key):
    cells = [row_head(summary, key)]
    for measure in ("time", "peak_kb"):
        ratios = summary.ratios(key, measure) if measure in summary.workloads[key]["counts"] else {}
        for name in summary.allocators:
            ratio, stat = ratios.get(name), summary.stat(key, name, measure)
            hint = f"{key}, {summary.looks[name].label}"
            cells.append(heat_cell(summary, key, name, ratio, ratio and stat and multiple(ratio), hint))
        cells.append('<td class="gap"></td>')
    return cells[:-1]


def row_head(summary, key):
    about = summary.workloads[key]
    doubt = ' <span class="doubt" title="the machine was busy">!</span>' if busy.disturbed(about) else ""
    return f'<th title="{escape(about["what"])}">{escape(key)}{doubt}</th>'


def heat_cell(summary, key, name, ratio, text, hint):
    look = summary.looks[name]
    if ratio:
        return shaded(ratio, text, look, hint)
    failures = summary.failures(key, name)
    if failures:
        return f'<td{classes(look, "failed")} title="{escape(failures[0])}">failed</td>'
    return f"<td{classes(look, 'empty')}>–</td>"


def mean_row(summary, group, title):
    cells = [f"<th>{title}</th>"]
    for measure in ("time", "peak_kb"):
        means, _ = summary.means((group,), measure)
        least = min((mean for mean in means.values() if mean), default=None)
        for name in summary.allocators:
            text = multiple(means[name]) if means[name] else "–"
            best = "least" if means[name] == least else ""
            cells.append(f"<td{classes(summary.looks[name], 'mean', best)}>{text}</td>")
        cells.append('<td class="gap"></td>')
    return cells[:-1]

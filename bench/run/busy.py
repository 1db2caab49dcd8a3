"""busy.py: whether others used the processors while the bench measured, and how much of that is too
much.

Shares are of the time of all processors of the machine together, from 0 to 1. The others' is what
/proc/stat counts as user, nice and system, less what this process and its ended children used;
steal is what a hypervisor gave to other guests. A child that nobody waited for counts as another.
"""

import os
import resource
import time
from dataclasses import dataclass

# A result is marked from here on. The load tells less, for it remembers how the bench was built: it
# counts only where a result has no shares.
OTHERS, STEAL, LOAD = 0.05, 0.02, 0.25  # the load is per core
LEAST_S = 0.9  # of a shorter stretch no shares are given
NAMED = 6  # so many workloads are named


@dataclass(frozen=True)
class Reading:
    """Seconds of processor time since the machine started, and of ours."""

    busy: float
    stolen: float
    ours: float
    when: float


def reading():
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(word) / os.sysconf("SC_CLK_TCK") for word in file.readline().split()[1:]]
    user, nice, system = ticks[:3]
    ours = sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    return Reading(user + nice + system, ticks[7] if len(ticks) > 7 else 0.0, ours, time.monotonic())


def shares(before, after):
    """What others and the hypervisor took between two readings; nothing of a stretch that the
    kernel's ticks of 10 ms cannot tell."""
    if after.when - before.when < LEAST_S:
        return {}
    whole = (after.when - before.when) * (os.cpu_count() or 1)
    others = (after.busy - before.busy) - (after.ours - before.ours)
    return {
        "others": round(min(1.0, max(0.0, others / whole)), 3),
        "steal": round(min(1.0, max(0.0, (after.stolen - before.stolen) / whole)), 3),
    }


def load():
    return round(os.getloadavg()[0], 2)


def disturbed(shares_of):
    """Whether a dictionary with the shares of a workload, or of a run, says that it was."""
    return shares_of.get("others", 0) >= OTHERS or shares_of.get("steal", 0) >= STEAL


def reasons(result):
    """Why this result is to be doubted, in sentences; none if the machine was idle."""
    known, about = result.get("busy", {}), result["machine"]
    found = []
    for name, when in (("others_at_start", "in the second before the start"), ("others", "during the run")):
        if known.get(name, 0) >= OTHERS:
            found.append(f"Other programs took {known[name]:.0%} of the processors' time {when}.")
    if known.get("steal", 0) >= STEAL:
        found.append(f"The hypervisor gave {known['steal']:.0%} of the processors' time to other guests.")
    load_at_start = about.get("load_at_start", 0)
    if "others" not in known and load_at_start >= LOAD * about["cores"]:
        found.append(f"The load before the start was {load_at_start} on {about['cores']} cores.")
    names = [one["key"] for one in sorted(result["workloads"], key=most) if disturbed(one)]
    if names:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        found.append(f"Disturbed most: {', '.join(names[:NAMED])}{more}.")
    return found


def most(shares_of):
    return -max(shares_of.get("others", 0), shares_of.get("steal", 0))

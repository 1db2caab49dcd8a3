"""texts.py: the words of the report: for each section its anchor, its title and how to read it."""

SECTIONS = {
    "scores": (
        "Who is ahead",
        """Multiples of the best allocator of each workload, as geometric means: <b>1.00 would be the
best everywhere, shorter is better</b>. Only workloads that every allocator finished take
part, each with the same weight; its thread counts together weigh as one.""",
    ),
    "kept": (
        "What stays when the work is over",
        """Resident memory after most data was freed and the program had idled for a second: what an
operator sees of a service at rest. <b>Less is better.</b> Programs stand first; then the
rows where it matters most who runs them.""",
    ),
    "map": (
        "Every workload at one look",
        """A number is a multiple of the best allocator of its row; <b>blue is the best or as good</b>,
the stronger the orange the further behind. Medians; what a workload does is under the
pointer, its absolute numbers are in the tables below.""",
    ),
    "scatter": (
        "Fast, lean, or both",
        """<b>Left is leaner, down is faster</b>; 1× on an axis would be the best in every single
workload. A mark is a geometric mean over the workloads of an allocator's median time, and
of its peak resident memory, divided by the best allocator's.""",
    ),
    "programs": (
        "Real programs",
        """Bars are multiples of the best allocator in that program, the best on top: <b>1.00 is the
best, shorter is better</b>. The thin line spans all runs from the fastest to the slowest;
where two lines overlap widely, take the two as equal. Bars end at 2.5× (›). Absolute
numbers are in the tables below, or under the pointer.""",
    ),
    "workloads": (
        "Known workloads, on one thread",
        """What the literature and other allocators' authors measure, to be read like the programs
above. Each shows one habit of programs, often its extreme: they tell why an allocator does
well or badly, the programs tell how much it matters. Sizes in the descriptions are the full
ones.""",
    ),
    "curves": (
        "Memory over time",
        """The resident size of the program's own process during its first run. Where a line ends, the
program ended: further left is faster. Look at the ends of <b>redis</b>, <b>phases</b>,
<b>server</b> and <b>survivors</b>: there most has been freed and the program idles, and
what is still resident is what an operator sees.""",
    ),
    "threads": (
        "More threads",
        """Mallocs and frees per second of all threads together: <b>higher is better</b>. This machine
has {cores} cores: up to {cores} threads a line should rise, beyond that it should stay
level. A fall means that threads wait for each other's locks, or fight over cache lines.""",
    ),
    "latency": (
        "The slowest calls",
        """How long single calls took: half of them less than p50, all but one in ten thousand less
than p99.99. <b>Lower is better</b>; mind the logarithmic scale. The far right is page
faults, calls to the kernel and other programs' turns on the processor; the maximum is one
call and varies from run to run.""",
    ),
    "cost": (
        "One malloc and one free",
        """A block taken and freed at once, over and over: the shortest way through the allocator.
Instructions are counted by callgrind and hardly vary; they include some ten of the
measuring loop. <b>Lower is better.</b> It is the least a call costs; real programs meet
cold caches, and pay more.""",
    ),
    "tables": (
        "The numbers",
        """Medians; in small print the median absolute deviation in percent: half of the runs are
closer to the median than that. The best of a row is underlined. A workload that failed is
not given a number, even if some of its runs went well.""",
    ),
    "failures": (
        "What failed, and what was not there",
        """Nothing is left out silently: a run that crashed, hung or gave a wrong result is listed
here, and so is what could not be run.""",
    ),
    "limits": ("What this does not show", "Read the numbers with this in mind."),
    "machine": (
        "Where it was measured, and again on yours",
        """The allocators take turns within each workload, so that whatever else the machine does meets
all of them.""",
    ),
}

LINKS = {
    "kept": "What stays",
    "map": "Every workload",
    "scatter": "Fast or lean",
    "programs": "Programs",
    "workloads": "Workloads",
    "curves": "Memory over time",
    "threads": "Threads",
    "latency": "Latency",
    "cost": "One call",
    "tables": "Numbers",
    "failures": "Failures",
    "limits": "Limits",
    "machine": "Machine",
}

LIMITS = """<ul>
<li>It is one machine. Ratios move with the processor, its caches and the kernel; run it on
yours.</li>
<li>Peak memory is resident memory of the largest process. Of servers the client is not counted,
nor memory a server shares by intent; of compilers and make, only the largest of their processes
is.</li>
<li>Time is elapsed time. On a machine that does other work at the same time, compare processor
time in the tables.</li>
<li>memcached keeps its values in slabs of its own, Node.js its objects in a heap of its own: an
allocator decides little there. They are here because they are run, not because they differ.</li>
<li>The workloads are rewritten from descriptions in the literature: they have its patterns, not
its numbers.</li>
<li>Every allocator runs with its defaults; each could be tuned for each program.</li>
<li>Nothing here measures safety, days of uptime, or hundreds of cores.</li>
</ul>"""

AGAIN = """<pre>make bench-install      # the other allocators and programs, from Debian
make bench              # all of it
make bench QUICK=1      # small inputs, a few minutes
make bench ONLY='redis python' RUNS=9
make bench ALLOC='other=/path/to/libother.so'</pre>"""

SMALL = "Inputs of size “{size}”: this page shows that everything works; its ratios are not to be quoted."

NO_MATPLOTLIB = """bench: matplotlib draws the page, and is not installed.
Install it by `make bench-install`, or alone by `apt-get install python3-matplotlib`."""

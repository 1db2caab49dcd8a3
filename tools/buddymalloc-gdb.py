"""buddymalloc-gdb.py: gdb commands for a program that runs on libbuddymalloc.so, live or as a core file.

    (gdb) source buddymalloc-gdb.py
    bm heap          what the heap holds: chunks, size classes, large blocks, caches, metadata
    bm chunk N       the map of chunk N (or of the chunk that an address lies in)
    bm why ADDRESS   what an address is: its block, the state of it, and its neighbours

The library's records (src/*/*.h) are read from memory by the library's own debug info; nothing is called in the
process. No lock is taken: where a thread was stopped in the middle of a malloc or free, the one block it is at may be
on its way between two places, and counts as live.

In this file: memory and records; where the library's names are found; the heap's parts, from the pagemap down to a
slot; the sentences; the commands.
"""
import re
import struct
from bisect import bisect_left
from collections import Counter
from os.path import basename

import gdb


class Trouble(Exception):
    """What cannot be told, in one sentence."""


# ---- memory and records ----

WORDS = {1: "B", 2: "H", 4: "I", 8: "Q"}  # every machine it runs on is little-endian, with 64 bits
WORD = 8


def read(address, size):
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    except (gdb.MemoryError, OverflowError):
        raise Trouble(f"the heap's records cannot be read: no memory at {address:#x}") from None


def read_words(address, count):
    return struct.unpack(f"<{count}Q", read(address, count * WORD)) if count else ()


def bare(of):
    return of.strip_typedefs().unqualified()


class Layout:
    """Where the fields of a struct lie, those of inner structs by dotted names: a record is read at once, then
    taken apart here."""

    def __init__(self, of):
        of = bare(of)
        self.name, self.size = str(of), of.sizeof
        self.offsets, self.readers = {}, {}
        self.add(of, "", 0)

    def add(self, of, prefix, base):
        for field in of.fields():
            kind, offset = bare(field.type), base + field.bitpos // 8
            name = f"{prefix}{field.name}" if field.name else prefix.rstrip(".")
            self.offsets[name] = offset
            if kind.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
                self.add(kind, f"{name}." if name else "", offset)
            else:
                self.readers[name] = reader(kind)

    def offset(self, name):
        if name not in self.offsets:
            raise Trouble(f"this script is not of the library's version: {self.name} has no {name}")
        return self.offsets[name]


def reader(kind):
    """A function of (data, offset) for a number, an array of numbers or an array of structs."""
    if kind.code != gdb.TYPE_CODE_ARRAY:
        word = struct.Struct("<" + WORDS.get(kind.sizeof, "B"))
        return lambda data, offset: word.unpack_from(data, offset)[0]
    element = bare(kind.target())
    count = kind.sizeof // element.sizeof
    if element.code == gdb.TYPE_CODE_STRUCT:
        layout = Layout(element)
        return lambda data, offset: [Record(layout, data, offset + i * layout.size) for i in range(count)]
    words = struct.Struct(f"<{count}{WORDS.get(element.sizeof, 'B')}")
    return words.unpack_from


class Record:
    """A struct's bytes: record["nused"], record["link.next"], record["npages_at"][3]."""

    def __init__(self, layout, data, base=0):
        self.layout, self.data, self.base = layout, data, base

    def __getitem__(self, name):
        offset = self.layout.offset(name)
        return self.layout.readers[name](self.data, self.base + offset)


def read_record(layout, address):
    return Record(layout, read(address, layout.size))


def walk(head, first, what):
    """The links of a circular list, without its head."""
    seen, at = {head}, first
    while at not in seen:
        seen.add(at)
        yield at
        at = read_words(at, 1)[0]
    if at != head:
        raise Trouble(f"the list of {what} is broken: {at:#x} is on it twice")


# ---- the library ----

# A function of each source file that is read; all of them together are nobody else's.
FILES = {
    "pagemap": "pagemap_set_owner",
    "chunk": "chunk_take",
    "central": "central_refill",
    "large": "large_take",
    "pool": "pool_take",
    "cache": "cache_take",
    "metadata": "metadata_take",
    "sizeclass": "class_slab_pages",
}


class Source:
    """The names of one source file of the library. They are taken from the file's own blocks, so that the same name in
    the program, or in another library, is never meant."""

    def __init__(self, objfile, function):
        self.objfile, self.symbols = objfile, {}
        self.solib = gdb.solib_name(int(function.value().address))
        for block in (function.symtab.static_block(), function.symtab.global_block()):
            for symbol in block:
                self.symbols.setdefault((self.kind(symbol), symbol.name), symbol)

    @staticmethod
    def kind(symbol):
        return "struct" if symbol.addr_class == gdb.SYMBOL_LOC_TYPEDEF else "name"

    def symbol(self, kind, name):
        if (kind, name) not in self.symbols:
            raise Trouble(f"this script is not of the library's version: it has no {name}")
        return self.symbols[kind, name]

    def layout(self, name):
        return Layout(self.symbol("struct", name).type)

    def constant(self, name):
        return int(self.symbol("name", name).value())

    def address(self, name):
        """gdb takes a variable that is not static for a copy in the program when the program has one of that name."""
        address = int(self.symbol("name", name).value().address)
        if gdb.solib_name(address) == self.solib:
            return address
        return self.address_in_table(name)

    def address_in_table(self, name):
        """The same by the symbol table of the library alone."""
        table = gdb.execute(f'maint print msymbols -objfile "{self.objfile.filename}"', to_string=True)
        found = re.search(rf"\] \w (0x[0-9a-f]+) {name} ", table)
        if not found:
            raise Trouble(f"the program's own {name} hides the library's, which has no symbol table")
        return int(found[1], 16)

    def type(self, name):
        return bare(self.symbol("name", name).type)

    def record(self, name):
        return read_record(Layout(self.type(name)), self.address(name))

    def array(self, name):
        """The elements of a variable that is an array, read at once."""
        of = self.type(name)
        return reader(of)(read(self.address(name), of.sizeof), 0)


def find_sources():
    """The library's files by name, of the first object that has them all."""
    for objfile in gdb.objfiles():
        functions = {name: objfile.lookup_global_symbol(function) for name, function in FILES.items()}
        if all(functions.values()):
            return {name: Source(objfile, function) for name, function in functions.items()}
    for objfile in gdb.objfiles():
        if objfile.filename and re.match(r"libbuddymalloc\.so", basename(objfile.filename)):
            raise Trouble(f"no debug info in {objfile.filename}: use the library as it was built, not stripped")
    raise Trouble("no libbuddymalloc in this process")


# ---- the parts of the heap ----

ISOLATED = "isolated while its pages go back to the kernel"


class Slab:
    def __init__(self, heap, address):
        record = read_record(heap.slab_layout, address)
        self.heap, self.of_class = heap, record["class"]
        self.base, self.size = record["base"], record["size"]
        self.nslots, self.nfree, self.npages = record["nslots"], record["nfree"], record["npages"]
        self.isolated = record["isolated"]
        if not self.size or not self.nslots:
            raise Trouble(f"the record of the slab at {self.base:#x} is broken")
        self.bits = read_words(address + heap.slab_layout.offset("bits"), (self.nslots + 63) // 64)

    def slot_at(self, address):
        """The number of the slot around an address, which may be one past the last."""
        return (address - self.base) // self.size

    def start(self, slot):
        return self.base + slot * self.size

    def is_free(self, slot):
        return bool(self.bits[slot // 64] >> slot % 64 & 1)

    def is_isolated(self, slot):
        first = slot * self.size // self.heap.page_size
        last = ((slot + 1) * self.size - 1) // self.heap.page_size
        return bool(self.isolated & ((2 << last) - (1 << first)))

    def places(self, slot):
        """Where a slot lies free, a sentence for each time; nowhere: it is live."""
        found = ["in the slab"] if self.is_free(slot) else []
        if self.is_isolated(slot):
            found = [f"in the slab, {ISOLATED}"]
        start = self.start(slot)
        for cache in self.heap.caches():
            found += places_on(cache.magazines[self.of_class], start, f"in the cache of {cache.thread}")
        return found + places_on(self.heap.depot(self.of_class), start, "in the depot")

    def counts(self):
        """Its slots: live, in caches or in the depot, free in the slab."""
        outside = self.heap.free_outside(self.of_class)
        first, end = bisect_left(outside, self.base), bisect_left(outside, self.start(self.nslots))
        cached = sum(not self.is_free(self.slot_at(start)) for start in outside[first:end])
        free = self.nfree
        if self.isolated:
            free += sum(self.is_isolated(slot) for slot in range(self.nslots))
        return self.nslots - cached - free, cached, free


def places_on(stack, start, where):
    """The places of a slot on a stack whose last is the newest."""
    return [f"{where}, {len(stack) - i} of {len(stack)} from the newest" for i, at in enumerate(stack) if at == start]


class Run:
    """Pages of a chunk that are one thing: a slab, a span, free pages, or isolated ones."""

    def __init__(self, chunk, kind, page, npages, slab=None):
        self.chunk, self.kind, self.page, self.npages, self.slab = chunk, kind, page, npages, slab
        self.base = chunk.base + page * chunk.heap.page_size
        self.size = npages * chunk.heap.page_size

    def ndirty(self):
        return sum(self.chunk.is_dirty(page) for page in range(self.page, self.page + self.npages))

    def parts(self):
        """The same pages, free ones apart by whether they are dirty."""
        if self.kind != "free":
            return [self]
        parts, first = [], self.page
        for page in range(self.page + 1, self.page + self.npages + 1):
            if page == self.page + self.npages or self.chunk.is_dirty(page) != self.chunk.is_dirty(first):
                parts.append(Run(self.chunk, "free", first, page - first))
                first = page
        return parts


class Chunk:
    def __init__(self, heap, address, number):
        record = read_record(heap.chunk_layout, address)
        self.heap, self.number, self.base = heap, number, record["base"]
        self.nused, self.ndirty, self.huge = record["nused"], record["ndirty"], bool(record["huge"])
        leaves = record["bits"][len(record["bits"]) // 2 :]  # the buddy's row of pages
        self.free, self.dirty = ~bits_of(leaves, 32), bits_of(record["dirty.words"], 64)
        self.npages_at, self.slab_of_page = record["npages_at"], record["slab_of_page"]

    def is_dirty(self, page):
        return bool(self.dirty >> page & 1)

    def runs(self):
        """All pages, as runs in their order."""
        runs, page = [], 0
        while page < self.heap.chunk_pages:
            runs.append(self.run_from(page))
            page += runs[-1].npages
        return runs

    def run_from(self, page):
        length, slab = self.npages_at[page], self.slab_of_page[page]
        if self.free >> page & 1:
            return Run(self, "free", page, self.length_from(page, lambda at: self.free >> at & 1))
        if slab:
            slab = Slab(self.heap, slab)
            return Run(self, "slab", page, max(slab.npages, 1), slab)
        if length:
            return Run(self, "live", page, length)
        return Run(self, "isolated", page, self.length_from(page, self.is_nothing))

    def is_nothing(self, page):
        """Neither free nor the start of anything: a purge has it."""
        return not (self.free >> page & 1 or self.npages_at[page] or self.slab_of_page[page])

    def length_from(self, page, holds):
        end = page + 1
        while end < self.heap.chunk_pages and holds(end):
            end += 1
        return end - page


def bits_of(words, width):
    return sum(word << width * i for i, word in enumerate(words))


class Large:
    """A run of whole chunks: a large block, or one of the pool."""

    def __init__(self, heap, address):
        record = read_record(heap.run_layout, address)
        self.base, self.size, self.nchunks, self.kind = record["base"], record["size"], record["nchunks"], record["owner.kind"]
        self.covered = self.nchunks * heap.chunk_size
        self.states = {heap.large_kind: "live", heap.free_kind: "in the pool"}
        if self.kind == heap.free_kind:
            self.size = self.covered
            self.what = f"a run of {many(self.nchunks, 'free chunk')}"
        else:
            self.what = f"a large block of {self.size} bytes"

    def state(self):
        return self.states.get(self.kind, "being changed by a call under way")


class Cache:
    def __init__(self, heap, address):
        self.record = read_record(heap.cache_layout, address)
        self.heap = heap
        self.thread = self.find_thread()
        self.magazines = {of_class: self.read_magazine(of_class) for of_class in range(1, heap.nclasses)}

    def find_thread(self):
        bits, own = self.heap.id_bits, gdb.selected_inferior().pid
        process, thread = (self.record["owner"] >> shift & (1 << bits) - 1 for shift in (bits, 0))
        if not process and thread != self.heap.leader:
            return "no thread"
        thread = thread if process else own
        if thread in self.heap.threads:
            return f"thread {self.heap.threads[thread]} (LWP {thread})"
        return "a thread that has ended" if process == own else f"LWP {thread}, unknown to gdb"

    def read_magazine(self, of_class):
        """The slots of a magazine, the oldest first; under them lies a NULL."""
        capacity = self.record["capacity"][of_class]
        base = self.record["full"][of_class] - capacity * WORD
        count = (self.record["top"][of_class] - base) // WORD
        return read_words(base + WORD, count) if capacity and 0 < count <= capacity else ()

    def totals(self):
        """How many slots, and their bytes."""
        sizes = self.heap.class_sizes
        return (
            sum(len(slots) for slots in self.magazines.values()),
            sum(len(slots) * sizes[of_class] for of_class, slots in self.magazines.items()),
        )


class Heap:
    """What the records of the process say, each read when it is first asked for."""

    def __init__(self):
        if not gdb.selected_inferior().pid:
            raise Trouble("no process and no core file: the heap is read from one of them")
        self.sources = find_sources()
        chunk, central = self.sources["chunk"], self.sources["central"]
        self.page_size, self.chunk_size = 1 << chunk.constant("PAGE_SHIFT"), 1 << chunk.constant("CHUNK_SHIFT")
        self.chunk_pages = chunk.constant("CHUNK_PAGES")
        self.chunk_layout, self.slab_layout = chunk.layout("chunk"), central.layout("slab")
        pool, cache = self.sources["pool"], self.sources["cache"]
        self.cache_layout = cache.layout("cache")
        self.id_bits, self.leader = cache.constant("OS_ID_BITS"), cache.constant("OS_LEADER")
        self.run_layout = pool.layout("run")
        self.large_kind, self.free_kind = pool.constant("OWNER_LARGE"), pool.constant("OWNER_FREE")
        self.class_sizes = self.sources["sizeclass"].array("class_sizes")
        self.nclasses = len(self.class_sizes)
        self.threads = {thread.ptid[1]: thread.num for thread in gdb.selected_inferior().threads()}
        self.centrals = central.array("centrals")
        self.known = {}  # what was read already

    def once(self, name, make):
        if name not in self.known:
            self.known[name] = make()
        return self.known[name]

    def records_on(self, name, variable, member, layout, link):
        """The addresses of the records on a list whose head is a member of a static variable."""
        source = self.sources[name]
        lists = source.record(variable)
        head = source.address(variable) + lists.layout.offset(member)
        links = walk(head, lists[f"{member}.next"], variable)
        return [at - layout.offset(link) for at in links]

    def chunk_addresses(self):
        if not self.sources["chunk"].record("chunks")["ready"]:
            return []
        return self.once("chunks", lambda: self.records_on("chunk", "chunks", "all", self.chunk_layout, "all_link"))

    def chunks(self):
        return [Chunk(self, address, number) for number, address in enumerate(self.chunk_addresses())]

    def chunk(self, address):
        """The chunk of a record's address; one that is about to be unmapped is on no list."""
        numbers = self.chunk_addresses()
        return Chunk(self, address, numbers.index(address) if address in numbers else None)

    def caches(self):
        def all_of_them():
            addresses = self.records_on("cache", "caches", "all", self.cache_layout, "link")
            return [Cache(self, address) for address in addresses]

        return self.once("caches", all_of_them)

    def depot(self, of_class):
        """The slots on a class's depot, the oldest first."""
        record = self.centrals[of_class]
        return self.once(("depot", of_class), lambda: read_words(record["depot"], record["ndepot"]))

    def free_outside(self, of_class):
        """The slots of a class that lie in caches and in the depot, sorted."""

        def collect():
            slots = set(self.depot(of_class))
            return sorted(slots.union(*(cache.magazines[of_class] for cache in self.caches())))

        return self.once(("outside", of_class), collect)

    def owner(self, address):
        """("chunk" or "large" (a run of chunks), the address of its record) of what lies at an address, or (None, 0)."""
        pagemap = self.sources["pagemap"]
        root, shift = pagemap.type("pagemap_root"), pagemap.constant("LEAF_SHIFT")
        if not 0 <= address >> shift < root.sizeof // WORD:
            return None, 0
        leaf = read_words(pagemap.address("pagemap_root") + (address >> shift) * WORD, 1)[0]
        if not leaf:
            return None, 0
        owners = leaf + pagemap.layout("leaf").offset("owner")
        owner = read_words(owners + address % (1 << shift) // self.chunk_size * WORD, 1)[0]
        if not owner:
            return None, 0
        kind = read_record(pagemap.layout("owner"), owner)["kind"]
        return ("chunk" if kind == pagemap.constant("OWNER_CHUNK") else "large"), owner


# ---- sentences ----


def many(count, word):
    return f"{count} {word}{'' if count == 1 else 's'}"


def pages(run):
    return f"{many(run.npages, 'page')} at {run.base:#x}"


def start_or_inside(address, base, what):
    if address == base:
        return f"{address:#x}: the start of {what}"
    return f"{address:#x}: in {what} at {base:#x}, {many(address - base, 'byte')} after its start"


def state_of_slot(slab, slot):
    places = slab.places(slot)
    if not places:
        return "live"
    return f"free {places[0]}" if len(places) == 1 else f"freed twice: {', and '.join(places)}"


def state_of_free(run, page):
    return "dirty (it may hold old data)" if run.chunk.is_dirty(page) else "clean (it reads as zero)"


def describe_neighbour(run):
    """One line about a run beside another."""
    if run.kind == "slab":
        return f"a slab of {run.slab.size}-byte slots, {pages(run)}"
    if run.kind == "free":
        return f"{pages(run)}: free, {run.ndirty()} dirty"
    if run.kind == "isolated":
        return f"{pages(run)}: free, {ISOLATED}"
    return f"a span of {pages(run)}: live"


def beside(run):
    """What lies before and after a run, in words."""
    runs = run.chunk.runs()
    i = [other.page for other in runs].index(run.page)
    before = describe_neighbour(runs[i - 1]) if i else f"nothing: chunk {run.chunk.number} begins here"
    after = describe_neighbour(runs[i + 1]) if i + 1 < len(runs) else f"nothing: chunk {run.chunk.number} ends here"
    return before, after


def beside_slot(run, slot):
    slab = run.slab
    before, after = beside(run)
    if slot > 0:
        before = f"slot {slot - 1} at {slab.start(slot - 1):#x}: {state_of_slot(slab, slot - 1)}"
    if slot + 1 < slab.nslots:
        after = f"slot {slot + 1} at {slab.start(slot + 1):#x}: {state_of_slot(slab, slot + 1)}"
    return before, after


def explain_slot(run, address):
    slab = run.slab
    slot = min(slab.slot_at(address), slab.nslots)
    if slot == slab.nslots:
        end = slab.start(slot)
        sentence = f"{address:#x}: past the last slot of a slab, {many(address - end, 'byte')} after its end {end:#x}"
    else:
        what = f"a slot of {slab.size} bytes"
        sentence = f"{start_or_inside(address, slab.start(slot), what)}: {state_of_slot(slab, slot)}"
    which = f"; slot {slot} of 0 to {slab.nslots - 1}" if slot < slab.nslots else ""
    return [
        sentence,
        f"  slab    {pages(run)} in chunk {run.chunk.number}: class {slab.of_class}, "
        f"{many(slab.nslots, 'slot')} of {slab.size} bytes{which}",
        *lines_beside(*beside_slot(run, slot)),
    ]


def explain_pages(run, address):
    what = f"a span of {many(run.npages, 'page')} ({run.size} bytes)"
    if run.kind == "free":
        page = (address - run.chunk.base) // run.chunk.heap.page_size
        what, state = f"a run of {many(run.npages, 'free page')}", f"its page is {state_of_free(run, page)}"
    elif run.kind == "isolated":
        what, state = f"a run of {many(run.npages, 'free page')}", ISOLATED
    else:
        state = "live"
    return [
        f"{start_or_inside(address, run.base, what)}: {state}",
        f"  pages   {run.page} to {run.page + run.npages - 1} of chunk {run.chunk.number} at {run.chunk.base:#x}",
        *lines_beside(*beside(run)),
    ]


def explain_large(heap, large, address):
    what = large.what
    if address >= large.base + large.size:
        end = large.base + large.size
        past = many(address - end, "byte")
        sentence = f"{address:#x}: past the end of {what} at {large.base:#x}, {past} after its end"
    else:
        sentence = start_or_inside(address, large.base, what)
    before, after = describe_at(heap, large.base - 1), describe_at(heap, large.base + large.covered)
    return [f"{sentence}: {large.state()}", *lines_beside(before, after)]


def describe_at(heap, address):
    """What a large block has for a neighbour."""
    kind, owner = heap.owner(address)
    if kind == "chunk":
        chunk = heap.chunk(owner)
        return f"chunk {chunk.number} at {chunk.base:#x}"
    if kind == "large":
        large = Large(heap, owner)
        return f"{large.what} at {large.base:#x}: {large.state()}"
    return "not of this heap"


def lines_beside(before, after):
    return [f"  before  {before}", f"  after   {after}"]


def explain(heap, address):
    kind, owner = heap.owner(address)
    if kind == "large":
        return explain_large(heap, Large(heap, owner), address)
    if kind is None:
        return [f"{address:#x}: not of this heap: foreign, or freed and returned to the system"]
    chunk = heap.chunk(owner)
    page = (address - chunk.base) // heap.page_size
    run = next(run for run in chunk.runs() if run.page + run.npages > page)
    return explain_slot(run, address) if run.kind == "slab" else explain_pages(run, address)


# ---- bm chunk ----


def what_of_run(run):
    if run.kind == "slab":
        slab = run.slab
        live, cached, free = slab.counts()
        return f"slab    class {slab.of_class}, {slab.size}-byte slots: {live} live, {cached} cached, {free} free"
    if run.kind == "free":
        return f"free    {'dirty' if run.chunk.is_dirty(run.page) else 'clean'}"
    if run.kind == "isolated":
        return f"free    {ISOLATED}"
    return "span    live"


def describe_chunk(chunk):
    heap = chunk.heap
    clean = heap.chunk_pages - chunk.nused - chunk.ndirty
    huge = "asked for" if chunk.huge else "not asked for"
    lines = [
        f"chunk {chunk.number} at {chunk.base:#x}: {chunk.nused} pages used, {chunk.ndirty} free and dirty, "
        f"{clean} free and clean; huge pages {huge}",
        f"  {'pages':>9} {'number':>6}  {'address':14}  what",
    ]
    for run in (part for run in chunk.runs() for part in run.parts()):
        last = run.page + run.npages - 1
        lines.append(f"  {run.page:>4}-{last:<4} {run.npages:>6}  {run.base:#x}  {what_of_run(run)}")
    return lines


# ---- bm heap ----


def chunk_lines(heap):
    totals = heap.sources["chunk"].record("chunks")
    count, used, dirty = totals["count"], totals["used_pages"], totals["dirty_pages"]
    huge = sum(chunk.huge for chunk in heap.chunks())
    clean = count * heap.chunk_pages - used - dirty
    return [
        f"chunks    {count} of 2 MB: {huge} with huge pages asked for, {totals['empty']} empty",
        f"pages     {count * heap.chunk_pages}: {used} used, {dirty} free and dirty, {clean} free and clean",
    ]


COLUMNS = "{:>8} {:>6} {:>7} {:>7} {:>9} {:>9} {:>9} {:>8} {:>8}"


def class_lines(heap):
    """A slot freed twice, in a cache and in its slab, counts as both, and there is a live one fewer."""
    lines = []
    for of_class, record in enumerate(heap.centrals):
        if not record["nslabs"]:
            continue
        cached = sum(len(cache.magazines[of_class]) for cache in heap.caches())
        outside = len(heap.free_outside(of_class))
        slots, free, depot = record["nslots"], record["nfree"], record["ndepot"]
        counts = record["nslabs"], record["npages"], slots, slots - free - outside, free, cached, depot
        lines.append(COLUMNS.format(f"class {of_class}", heap.class_sizes[of_class], *counts))
    head = COLUMNS.format("", "size", "slabs", "pages", "slots", "live", "free", "cached", "depot")
    return [head, *lines] if lines else []


def large_line(heap):
    totals = heap.sources["large"].record("larges")
    return f"large     {totals['live']} live of {totals['live_bytes']} bytes"


def pool_line(heap):
    totals, size = heap.sources["pool"].record("pool"), heap.page_size
    return (
        f"pool      {many(totals['nruns'], 'run')} of {totals['npages'] * size} bytes, "
        f"{totals['ndirty'] * size} of them dirty"
    )


def cache_lines(heap):
    names = Counter(cache.thread for cache in heap.caches())
    lines = [f"caches    {len(heap.caches())}"]
    for name, count in names.items():
        caches = [cache for cache in heap.caches() if cache.thread == name]
        slots, size = (sum(numbers) for numbers in zip(*(cache.totals() for cache in caches)))
        several = f" ({count})" if count > 1 else ""
        lines.append(f"          {name}{several}: {many(slots, 'slot')} of {size} bytes")
    return lines


def describe_heap(heap):
    metadata = heap.sources["metadata"].record("metadata")
    return [
        *chunk_lines(heap),
        *class_lines(heap),
        large_line(heap),
        pool_line(heap),
        *cache_lines(heap),
        f"metadata  {metadata['totals.used']} bytes used of {metadata['totals.mapped']} mapped",
    ]


# ---- the commands ----


def evaluate(argument):
    """An expression of gdb as an address; of an array, a function or a struct its own."""
    value = gdb.parse_and_eval(argument)
    own = (gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)
    try:
        return int(value.address if bare(value.type).code in own else value) % (1 << 64)
    except (TypeError, ValueError, gdb.error):
        raise Trouble(f"{argument} is no address") from None


def choose_chunk(heap, number):
    addresses = heap.chunk_addresses()
    if number < len(addresses):
        return Chunk(heap, addresses[number], number)
    kind, owner = heap.owner(number)
    if kind == "chunk":
        return heap.chunk(owner)
    if number < heap.page_size:
        raise Trouble(f"no chunk {number}: their number is {len(addresses)}, from 0 on")
    raise Trouble(f"{number:#x} is not in a chunk")


class Command(gdb.Command):
    """A command that prints lines; whatever it cannot tell is one sentence."""

    def __init__(self, name, argument, lines):
        self.usage, self.argument, self.lines = f"usage: {name} {argument}".rstrip(), argument, lines
        super().__init__(name, gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION if argument else gdb.COMPLETE_NONE)

    def invoke(self, argument, _from_tty):
        if bool(argument.strip()) != bool(self.argument):
            raise gdb.GdbError(self.usage)
        try:
            print("\n".join(self.lines(argument)))
        except (Trouble, gdb.error) as trouble:
            raise gdb.GdbError(str(trouble)) from None


class Prefix(gdb.Command):
    """What the heap of libbuddymalloc holds: bm heap, bm chunk N, bm why ADDRESS."""

    def __init__(self):
        super().__init__("bm", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, _argument, _from_tty):
        raise gdb.GdbError("usage: bm heap | bm chunk N | bm why ADDRESS")


class HeapCommand(Command):
    """bm heap: what the heap holds: chunks, size classes, large blocks, caches and metadata, in figures."""

    def __init__(self):
        super().__init__("bm heap", "", lambda _: describe_heap(Heap()))


class ChunkCommand(Command):
    """bm chunk N: the pages of chunk number N, or of the chunk an address lies in, and what is on each."""

    def __init__(self):
        super().__init__("bm chunk", "N", lambda argument: describe_chunk(choose_chunk(Heap(), evaluate(argument))))


class WhyCommand(Command):
    """bm why ADDRESS: what an address is: its block, whether it is live or where it lies free, its neighbours."""

    def __init__(self):
        super().__init__("bm why", "ADDRESS", lambda argument: explain(Heap(), evaluate(argument)))


for command in (Prefix, HeapCommand, ChunkCommand, WhyCommand):
    command()

"""programs.py: the table of real programs: what each stands for, what it needs, how large its input is.

`sizes` are the full, the quick and the smallest input; full is some 1 to 4 s on a 2 GHz core.
"""

from commands import CUnit, Gawk, Ghostscript, Git, ImageMagick, Make, Script, Sqlite, Start, Templates
from servers import POSTGRES, Memcached, Nginx, Postgres, Redis, RedisCache, become_postgres

PROGRAMS = [
    Script(
        "/usr/bin/python3", "work.py", name="python",
        what="Python 3, every object from malloc: dictionaries, JSON, a tree, sorting", needs=("/usr/bin/python3",),
        sizes=(300000, 40000, 3000), environment={"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "1"},
    ),
    Script(
        "/usr/bin/python3", "mixed.py", name="python_mixed",
        what="Python 3, every object from malloc: tables of one kind of object after the other, of each a part kept",
        needs=("/usr/bin/python3",), sizes=(300000, 40000, 3000),
        environment={"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "1"},
    ),
    Script(
        "/usr/bin/perl", "work.pl", name="perl",
        what="Perl 5: hashes of arrays, strings, a regular expression, sorting", needs=("/usr/bin/perl",),
        sizes=(600000, 80000, 3000), environment={"PERL_HASH_SEED": "0"},
    ),
    Script(
        "/usr/bin/perl", "words.pl", name="perl_words", what="Perl 5: the words of a text counted in hashes",
        needs=("/usr/bin/perl",), sizes=(250000, 40000, 3000), environment={"PERL_HASH_SEED": "0"},
    ),
    Script(
        "/usr/bin/lua5.4", "work.lua", name="lua",
        what="Lua 5.4: trees, closures, strings under its garbage collector", needs=("/usr/bin/lua5.4",),
        sizes=(300000, 30000, 1000),
    ),
    Gawk(
        name="gawk", what="GNU awk: associative arrays, splitting and joining strings", needs=("/usr/bin/gawk",),
        sizes=(400000, 50000, 3000),
    ),
    Script(
        "/usr/bin/node", "work.js", name="node",
        what="Node.js: buffers outside the JavaScript heap, JSON, zlib in the thread pool", needs=("/usr/bin/node",),
        sizes=(500000, 40000, 2000),
    ),
    CUnit("/usr/bin/gcc", name="gcc", what="gcc -O2 on one large C unit", sizes=(250, 30, 2), curve=False),
    Templates(
        name="g++", what="g++ -O1 on a unit full of templates", needs=("/usr/bin/g++",), sizes=(8, 1, 1),
        outputs=("out.s",), curve=False,
    ),
    CUnit("/usr/bin/clang", name="clang", what="clang -O2 on one large C unit", sizes=(250, 30, 2)),
    Make(
        name="make", what="make -j4: many small C files, each with four short-lived processes",
        needs=("/usr/bin/make", "/usr/bin/gcc"), sizes=(80, 8, 2), outputs=("*.o",), curve=False,
    ),
    Start(
        name="true", what="/bin/true started again and again: what a process pays before main", needs=("/bin/true",),
        sizes=(300, 100, 10), curve=False,
    ),
    Git(
        name="git", what="git log -p, repack and gc of a generated history", needs=("/usr/bin/git",),
        sizes=(400, 60, 5), outputs=("log",), curve=False,
    ),
    Sqlite(
        name="sqlite", what="SQLite: a million rows in memory, indices, grouping, updates, deletions",
        needs=("/usr/bin/sqlite3",), sizes=(1000000, 100000, 2000),
    ),
    Ghostscript(
        name="ghostscript", what="Ghostscript: PostScript pages drawn to PNG", needs=("/usr/bin/gs",),
        sizes=(12, 2, 1), outputs=("*.png",),
    ),
    ImageMagick(
        name="imagemagick", what="ImageMagick: filters on one picture, two threads", needs=("/usr/bin/convert",),
        sizes=(1000, 250, 60), outputs=("out.ppm",),
    ),
    # Debian links redis-server against jemalloc: libc is preloaded for "glibc", as the others are.
    Redis(
        name="redis", what="Redis: strings of many sizes overwritten, lists, sets; then nine of ten keys deleted",
        needs=("/usr/bin/redis-server", "/usr/bin/redis-benchmark"), sizes=(120000, 15000, 500), libc="libc.so.6",
    ),
    RedisCache(
        name="redis_lru", what="Redis as a cache of 100 MB: values of 240 bytes give way to values of 492; then all go",
        needs=("/usr/bin/redis-server", "/usr/bin/redis-cli"), sizes=(700000, 70000, 3000), libc="libc.so.6",
    ),
    Memcached(
        name="memcached", what="memcached: sets and gets of mixed sizes (its values live in slabs of its own)",
        needs=("/usr/bin/memcached", "/usr/bin/memcaslap"), sizes=(200000, 20000, 500),
    ),
    Postgres(
        name="postgres", what="PostgreSQL: pgbench, one query in ten makes JSON aggregates",
        needs=(str(POSTGRES / "pgbench"), "/usr/bin/setpriv"), sizes=(1000, 100, 5), become=become_postgres(),
    ),
    Nginx(
        name="nginx",
        what=f"nginx under wrk: compressed, included and proxied files; time for {Nginx.requests} requests of each",
        needs=("/usr/sbin/nginx", "/usr/bin/wrk"), sizes=(3, 1, 1),
    ),
]

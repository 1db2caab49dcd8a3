#!/bin/bash
# python.t: CPython with every object from malloc: dictionaries, json, threads, fork and multiprocessing.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

cat >"$scratch/work.py" <<'END'
import bz2, hashlib, json, lzma, multiprocessing, os, pickle, queue, random, re, sqlite3, subprocess, sys, threading, zlib


def digest(value):
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def dictionaries():
    rng = random.Random(1)
    big = {f"key{rng.randrange(10**9)}": (i, str(i) * (i % 9)) for i in range(200_000)}
    for key in list(big)[::3]:
        del big[key]
    big.update({i: [i] * (i % 20) for i in range(50_000)})
    print("dict", len(big), digest(sorted(big.items(), key=str)))


def documents():
    rng = random.Random(2)
    data = [{"id": i, "name": "n" * rng.randrange(80), "tags": [rng.random() for _ in range(rng.randrange(12))],
             "nested": {"a": {"b": [None, True, i]}}} for i in range(30_000)]
    text = json.dumps(data, sort_keys=True, indent=1)
    assert json.loads(text) == data and pickle.loads(pickle.dumps(data)) == data
    print("json", len(text), digest(text), len(re.findall(r'"name": "(n{70,})"', text)))
    for codec in (zlib, bz2, lzma):
        packed = codec.compress(text[:2_000_000].encode())
        assert codec.decompress(packed) == text[:2_000_000].encode()
        print(codec.__name__, len(packed), digest(packed))


def churn(seed, out):
    rng, kept = random.Random(seed), []
    for i in range(40_000):
        kept.append(bytearray(rng.randrange(1, 600)) if i % 50 else bytearray(rng.randrange(1, 200_000)))
        if len(kept) > 500:
            kept[rng.randrange(500)] = kept.pop()
    out.put((seed, sum(map(len, kept))))


def threads():
    out = queue.Queue()
    team = [threading.Thread(target=churn, args=(seed, out)) for seed in range(8)]
    for one in team:
        one.start()
    # A fork in the midst of the others' allocations: the child must be able to allocate at once.
    for code in range(5):
        pid = os.fork()
        if pid == 0:
            filled = [str(i) for i in range(20_000)]
            os._exit(code if len(filled) == 20_000 else 99)
        print("child", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    for one in team:
        one.join()
    print("threads", sorted(out.get() for _ in team))


def square_table(n):
    return digest({i: str(i * i) for i in range(n, n + 20_000)})


def processes():
    with multiprocessing.get_context("fork").Pool(4) as pool:
        print("pool", digest(pool.map(square_table, range(0, 400, 10))))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print("spawned", pool.map(len, ["a" * n for n in range(5)]))
    print("subprocess", subprocess.run(["cat"], input=b"x" * 300_000, stdout=subprocess.PIPE).stdout.count(b"x"))


def database():
    db = sqlite3.connect(":memory:")
    db.execute("create table t (k integer primary key, v text)")
    db.executemany("insert into t values (?, ?)", ((i, "v" * (i % 100)) for i in range(50_000)))
    print("sqlite3", db.execute("select count(*), sum(length(v)), max(k) from t where k % 7 = 3").fetchone())


if __name__ == "__main__":
    for part in (dictionaries, documents, threads, processes, database):
        part()
        sys.stdout.flush()
END

# PYTHONMALLOC=malloc: without it most objects would live in CPython's own arenas.
same 'python3: dictionaries, json, threads, fork, multiprocessing' \
	env PYTHONMALLOC=malloc PYTHONHASHSEED=0 python3 "$scratch/work.py"
same 'python3: the same with its own arenas on mmap' env PYTHONHASHSEED=0 python3 "$scratch/work.py"

done_testing

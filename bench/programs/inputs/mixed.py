# mixed.py: tables of objects of many kinds and sizes, built, dropped but for a part, and followed by others.
# usage: mixed.py COUNT; PYTHONMALLOC=malloc sends every object to malloc.
import random
import sys

KINDS = (
    lambda rng, i: "t" * rng.randrange(100),
    lambda rng, i: (i, i * 3.5, str(i)),
    lambda rng, i: {"key": i, "text": "k%d" % i},
    lambda rng, i: [i * 1000003 + j for j in range(rng.randrange(12))],
)


def main():
    count, rng = int(sys.argv[1]), random.Random(2)
    kept = {}
    for turn, make in enumerate(KINDS):
        table = {i: make(rng, i) for i in range(count)}
        print(turn, len(table), sum(map(len, table.values())))
        for i in range(count):
            if i % 12 == turn:
                kept[turn, i] = table[i]
        del table
    print(len(kept), sum(map(len, kept.values())))


main()

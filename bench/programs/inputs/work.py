# work.py: dictionaries, strings, JSON, objects in a tree, sorting: what scripts spend their mallocs on.
# usage: work.py COUNT; PYTHONMALLOC=malloc sends every object to malloc.
import json
import random
import re
import sys


class Node:
    __slots__ = ("key", "value", "left", "right")

    def __init__(self, key, value):
        self.key, self.value, self.left, self.right = key, value, None, None


def insert(root, key, value):
    at = root
    while at.key != key:
        side = "left" if key < at.key else "right"
        below = getattr(at, side)
        if below is None:
            setattr(at, side, Node(key, value))
            return
        at = below
    at.value = value


def tables(rng, count):
    table = {f"key{rng.randrange(10**9)}": (i, str(i) * (i % 9)) for i in range(count)}
    for key in list(table)[::3]:
        del table[key]
    table.update({i: [i] * (i % 20) for i in range(count // 4)})
    return len(table), sum(len(str(key)) for key in table)


def documents(rng, count):
    data = [{"id": i, "name": "n" * rng.randrange(80), "tags": [rng.random() for _ in range(rng.randrange(12))],
             "nested": {"a": {"b": [None, True, i]}}} for i in range(count // 10)]
    text = json.dumps(data)
    return json.loads(text) == data, len(text), len(re.findall(r'"name": "(n{70,})"', text))


def trees(rng, count):
    root = Node(0.5, "root")
    for i in range(count // 8):
        insert(root, rng.random(), "value %d" % i)
    words = sorted((str(rng.randrange(count)) for _ in range(count)), key=lambda word: (word[-1], word))
    return root.left is not None, words[count // 2], len(",".join(words).split(","))


def main():
    count, rng = int(sys.argv[1]), random.Random(1)
    for part in (tables, documents, trees):
        print(part.__name__, *part(rng, count))


main()

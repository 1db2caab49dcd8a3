"""work.py: dictionaries, json and threads; every object from malloc under PYTHONMALLOC=malloc."""
import hashlib, json, random, sys, threading

percent = int(sys.argv[1])


def digest(value):
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def documents():
    rng = random.Random(2)
    data = [{"id": i, "name": "n" * rng.randrange(80), "tags": [rng.random() for _ in range(rng.randrange(12))]}
            for i in range(30 * percent)]
    text = json.dumps(data, sort_keys=True, indent=1)
    assert json.loads(text) == data
    return len(text), digest(text)


def dictionaries():
    rng = random.Random(1)
    big = {f"key{rng.randrange(10**9)}": (i, str(i) * (i % 9)) for i in range(200 * percent)}
    for key in list(big)[::3]:
        del big[key]
    big.update({i: [i] * (i % 20) for i in range(50 * percent)})
    return len(big), digest(sorted(big.items(), key=str))


def churn(seed, out):
    rng, kept = random.Random(seed), []
    for i in range(80 * percent):
        kept.append(bytearray(rng.randrange(1, 600) if i % 50 else rng.randrange(1, 200_000)))
        if len(kept) > 200:
            kept[rng.randrange(200)] = kept.pop()
    out.append((seed, sum(map(len, kept))))


def threads():
    out = []
    team = [threading.Thread(target=churn, args=(seed, out)) for seed in range(4)]
    for one in team:
        one.start()
    for one in team:
        one.join()
    return sorted(out)


print(documents(), dictionaries(), threads())

# account.py FILE: what the account explains at the instants in FILE (account.c). Of those with 4 MB and more there must be
# 20. At each of them the rows without what is absent of them are
#   99 % and more of what smaps has of the library, its variables (40 KB, in no row) included;
#   101 % and less of what mincore has;
# and clean pages are there only with huge pages.
import json, sys

least, most, n, wrong = 1e9, 0, 0, []
for line in open(sys.argv[1]):
    own, there, huge, text = line.split(" ", 3)
    own, there, huge, account = int(own), int(there), int(huge), json.loads(text)
    rows, absent = account["rows"], account["absent"]
    named = sum(rows.values()) - absent
    if own < 4 << 20:
        continue
    n += 1
    part, over = 100 * named / own, 100 * named / there
    least, most = min(least, part), max(most, over)
    # A huge page that was split leaves small ones, at first.
    if part < 99 or over > 101 or (rows["clean_pages"] > there / 100 and not huge):
        wrong.append(f"{part:.1f} % of {own >> 10} KB by smaps, {over:.1f} % of {there >> 10} KB, {huge >> 10} KB huge: {text}")
print(f"{n} instants, {least:.1f} % and more named, at most {most:.1f} %")
for line in wrong[:3]:
    print(line.strip())
sys.exit(n < 20 or bool(wrong))

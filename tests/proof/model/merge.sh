#!/bin/sh
# merge.sh: makes the corpus of a fuzzed model anew, from what it has and what was found: the inputs that reach every
# edge, then those that add most of the rest (how often edges are taken), up to 75 files.
# usage: tests/proof/model/merge.sh FUZZER CORPUS FINDS

set -eu
fuzzer=$1 corpus=$2 finds=$3 limit=75

scratch=$(mktemp -d "$finds.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$corpus" "$finds" "$scratch/edges" "$scratch/all"

merge() { # INTO FROM …, and options of the fuzzer
	"$fuzzer" -set_cover_merge=1 "$@" >"$scratch/log" 2>&1 || { tail -40 "$scratch/log"; exit 1; }
}

merge -use_counters=0 "$scratch/edges" "$corpus" "$finds"
cp "$scratch/edges/"* "$scratch/all"
merge "$scratch/all" "$corpus" "$finds"

# The merge writes the input first that adds most.
find "$scratch/all" -type f -printf '%T@ %f\n' | sort -n | while read -r _ file; do
	[ "$(find "$scratch/edges" -type f | wc -l)" -lt "$limit" ] || break
	cp "$scratch/all/$file" "$scratch/edges"
done

rm -rf "$corpus"
cp -r "$scratch/edges" "$corpus"
echo "$corpus: $(find "$corpus" -type f | wc -l) files, $(cat "$corpus"/* | wc -c) bytes"

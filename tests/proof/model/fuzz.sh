#!/bin/sh
# fuzz.sh: fuzzes a model for some seconds, from its corpus, which is only read, and what was found before.
# usage: tests/proof/model/fuzz.sh MODEL MAX_LEN SECONDS FINDS

set -u
model=$1 max_len=$2 left=$3 finds=$4
fuzzers=build/tests/engine/fuzz/proof/model
slice=600 # AddressSanitizer remembers each thread that ever was, so a process does not go on for hours
export ASAN_OPTIONS=quarantine_size_mb=8

mkdir -p "$finds"
while [ "$left" -gt 0 ]; do
	seconds=$((left < slice ? left : slice))
	left=$((left - seconds))
	if ! nice -n 10 "$fuzzers/$model" -len_control=0 -timeout=30 -max_len="$max_len" -max_total_time="$seconds" \
		-artifact_prefix="$finds-" "$finds" "tests/proof/model/corpus/$model" >"$finds.log" 2>&1; then
		input=$(sed -n 's/.*Test unit written to //p' "$finds.log")
		tail -40 "$finds.log" >&2
		echo >&2 "replay with: make build/tests/engine/asan/proof/model/$model && build/tests/engine/asan/proof/model/$model --input $input"
		exit 1
	fi
	awk -v model="$model" '$2 == "DONE" { print "# " model ": " substr($1, 2) " runs, " $4 " edges, " $6 " features" }' "$finds.log"
done
printf '1..1\nok 1 - the fuzzer finds nothing wrong with %s\n' "$model"

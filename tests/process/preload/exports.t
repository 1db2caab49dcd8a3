#!/bin/bash
# exports.t: the library's face to the loader: its names, what it needs, its thread-local storage.
. "$(dirname "$0")/../../lib.sh"

for tool in nm readelf; do
	have $tool || { skip "exports" "no $tool" && done_testing; }
done

nm -D --defined-only "$lib" | sed 's/.* //; s/@.*//' | sort -u >"$scratch/exports"
diff "$tests/process/preload/exports.txt" "$scratch/exports" >"$scratch/diff"
ok $? "exported names are those of exports.txt"
sed -n 's/^[<>]/#   &/p' "$scratch/diff"

readelf -dW "$lib" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v '^ld-linux' >"$scratch/needed"
[ "$(cat "$scratch/needed")" = libc.so.6 ]
ok $? "it needs libc only: $(tr '\n' ' ' <"$scratch/needed")"

tls=$(readelf -lW "$lib" | awk '$1 == "TLS" { print $6 }') # in hexadecimal
tls=$((${tls:-0}))
[ $tls -le 64 ]
ok $? "$tls bytes of thread-local storage, at most 64"

points='(p?(read|write)v?(64)?|open(at)?(64)?|creat|close|getrandom|sig(timed)?wait(info)?|(clock_nano|nano|u)?sleep|poll|select|fsync|waitpid)'
[ "$(nm -D --undefined-only "$lib" | grep -cE " $points@")" -eq 0 ]
ok $? "it calls none of libc's cancellation points but those behind a stream of the caller's"

! readelf -dW "$lib" | grep -q TEXTREL
ok $? "no text relocations"
readelf -dW "$lib" | grep -qE 'BIND_NOW|FLAGS_1.*NOW'
ok $? "bound at load: no lazy binding inside malloc"
! readelf -lW "$lib" | grep -E 'GNU_STACK' | grep -q 'RWE'
ok $? "no executable stack"
[ "$(readelf -rW "$lib" | grep -c IRELATIV)" -eq 1 ]
ok $? "one ifunc, that of loading.c: nothing else of the library runs while it is being relocated"
done_testing

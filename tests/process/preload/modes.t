#!/bin/bash
# modes.t: the programs of this folder that say what is correct, and some real ones, in mode:hardened and with debug:1. Left
# out are those whose checks are of another kind, or would take minutes there; with BM_QUICK=1 also those that take seconds.
# shellcheck disable=SC2154
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/programs.sh"

left_out() { # PROGRAM: why
	case $1 in
	phases | bursts | slow_idle | thread_exit | maps | cxx) echo "it is about memory given back; freed blocks stay in quarantine" ;;
	large | realloc) echo "it resizes large blocks thousands of times; most are copies here" ;;
	fork_streams) echo "its stream takes 3 MB at each write, with a lock held that a fork waits for" ;;
	fork_in_handler) echo "its timer is quicker than a fork with as many mappings" ;;
	slow_*) echo "it is slow" ;;
	faults | faults_new | fork | fork_handlers | sized | threads) [ -z "${BM_QUICK:-}" ] || echo "BM_QUICK is set" ;;
	statistics) echo "it counts what normal mode keeps" ;;
	esac
}

same() { # NAME PROGRAM...: the same output and status as without the library
	local name=$1 expected status
	shift
	have "$1" || { skip "$mode: $name" "no $1" && return; }
	"$@" >"$scratch/expected" 2>&1 </dev/null
	expected=$?
	under "$@" >"$scratch/got" 2>&1 </dev/null
	status=$?
	[ $status -eq $expected ] && cmp -s "$scratch/expected" "$scratch/got"
	ok $? "$mode: $name: the same output as without"
	[ $status -eq $expected ] || { echo "# $mode: $name: status $status" && head -5 "$scratch/got" | sed 's/^/#   /'; } >&2
}

cat >"$scratch/hello.cc" <<'END'
#include <iostream>
#include <map>
#include <string>
int main() { std::map<std::string, int> m; for (int i = 0; i < 99; i++) m[std::to_string(i)] = i; std::cout << m.size(); }
END

for mode in mode:hardened debug:1; do
	export BUDDYMALLOC_CONF=$mode
	for name in $(names '*'); do
		why=$(left_out "$name")
		if [ -n "$why" ]; then skip "$mode: $name" "$why"; else fold "$mode: $name" limited "$built/$name"; fi
	done
	same environment env printenv BUDDYMALLOC_CONF
	same python3 /usr/bin/python3 -c 'import json, re; print(json.dumps({str(i): [i] * 9 for i in range(5000)})[:5000])'
	same perl perl -e 'my %h = map { $_ => "x" x $_ } 1..2000; print join ",", map { length $h{$_} } sort keys %h'
	same git git --no-pager -C "$root" log --stat -n 20
	same sqlite3 sqlite3 :memory: 'with recursive c(i) as (select 1 union all select i+1 from c where i<20000)
		select sum(i), group_concat(substr(hex(i),1,1),"") from c'
	same g++ g++ -O1 -S -o - "$scratch/hello.cc"
	unset BUDDYMALLOC_CONF
done
done_testing

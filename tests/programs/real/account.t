#!/bin/bash
# account.t: the account's rows explain what the kernel says of the heap, at 20 instants and more in programs of different
# kinds, with the threads parked. How an instant is taken: account.c; what must hold: account.py.
# shellcheck disable=SC2154,SC2016
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

bench=$root/build/bench
cc -std=gnu11 -O1 -fno-builtin -fPIC -shared -pthread -I"$root/include" "$here/account.c" -o "$scratch/instants.so" -ldl >&2 || {
	echo 'Bail out! cannot build account.c'
	exit 1
}

watched() { # NAME EVERY COMMAND...: with an instant at every so many calls that the program of the name makes
	ACCOUNT_OF=$1 ACCOUNT_EVERY=$2 ACCOUNT_FILE=$scratch/instants \
		timeout -k 5 "$limit" env LD_PRELOAD="$scratch/instants.so $lib" "${@:3}"
}

explained() { # NAME EVERY COMMAND...
	local said
	rm -f "$scratch/instants"
	said=$(watched "$@" 2>&1 >/dev/null </dev/null) && said=$(/usr/bin/python3 "$here/account.py" "$scratch/instants" 2>&1)
	ok $? "$1: $(tail -n +1 <<<"$said" | head -1)"
	sed '1d; s/^/# /' <<<"$said" | cut -c -600 >&2
}

if [ "$(uname -m)" != x86_64 ]; then
	skip "the account explains what is there" "the trap is written for x86-64 alone"
	done_testing
elif [ ! -x /usr/bin/python3 ]; then
	skip 'the account explains what is there' 'no /usr/bin/python3'
	done_testing
fi

# ---- programs ----

cat >"$scratch/work.cc" <<'END'
#include <map>
#include <regex>
#include <string>
int main() { return std::map<std::string, std::regex>{{"a", std::regex("a+b")}}.size() == 1 && std::regex_match("aab", std::regex("a+b")); }
END
explained python3 12000 /usr/bin/python3 -c 'import json
made = [{str(i): ["z" * (i % 3000)] * 5} for i in range(20000)]
text = json.dumps(made)
del made
read = json.loads(text)'
need 'perl' perl && explained perl 8000 perl -e 'my %h; $h{$_ % 40000} .= "x$_" for 1 .. 300000; my @k = sort keys %h;
	undef %h; my %g = map { $_ => 1 } @k;'
need 'sqlite3' sqlite3 && explained sqlite3 1500 sqlite3 :memory: 'create table t(a, b);
	with recursive c(i) as (select 1 union all select i + 1 from c where i < 100000) insert into t select i, hex(i * i) from c;
	create index x on t(b); select count(*) from t a join t b on a.b = b.b; delete from t where a % 3 = 0; vacuum;'
need 'lua5.4' lua5.4 && explained lua5.4 20000 lua5.4 -e 'local t = {} for i = 1, 200000 do t[i] = {tostring(i)} end t = nil
	collectgarbage() local s = {} for i = 1, 100000 do s[i] = ("x"):rep(i % 500) end'
need 'gawk' gawk && explained gawk 20000 gawk 'BEGIN { for (i = 0; i < 200000; i++) a[i % 50000] = a[i % 50000] i; delete a
	for (i = 0; i < 100000; i++) b[i] = i "x" }'
need 'cc1plus' g++ && explained cc1plus 60000 g++ -O1 -c "$scratch/work.cc" -o /dev/null

# ---- workloads: threads, slabs that drain, spans, large blocks, huge pages ----

explained server 20000 "$bench/server" --scale 1
explained phases 40000 "$bench/phases" --scale 6
explained medium 200 "$bench/medium" --scale 1
explained big 2 "$bench/big" --scale 20
explained survivors 100000 "$bench/survivors" --scale 60

done_testing

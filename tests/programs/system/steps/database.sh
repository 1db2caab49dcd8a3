#!/bin/bash
# database.sh: PostgreSQL under pgbench, one client and then eight; and SQLite. Compared: all tables after the one client, whose
# random numbers are given; counts and sums after the eight, whose order is chance.
. "$(dirname "$0")/../inside.sh"

packages=(postgresql postgresql-contrib sqlite3)

sql() { psql -h /trial/home -d bench -Atqc "$1"; }

digest_tables() {
	local table
	for table in pgbench_accounts pgbench_branches pgbench_tellers; do
		echo "$table $(sql "select * from $table order by 1" | sha256sum)"
	done
	echo "history $(sql 'select tid, bid, aid, delta from pgbench_history order by 1, 2, 3, 4' | sha256sum)"
}

balances() { # the four sums must be one
	sql 'select count(*), sum(delta) = (select sum(abalance) from pgbench_accounts) and sum(delta) = (select sum(bbalance)
		from pgbench_branches) and sum(delta) = (select sum(tbalance) from pgbench_tellers) from pgbench_history'
}

bench() { # CLIENTS TRANSACTIONS OPTION...
	local clients=$1 transactions=$2
	shift 2
	pgbench -h /trial/home -n -c "$clients" -t "$transactions" --random-seed=7 "$@" bench |
		grep -E '^number of (transactions|clients|failed)'
}

postgres() {
	PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
	cd
	initdb -D data --no-sync >/dev/null
	pg_ctl -w -D data -l log -o "-k /trial/home -c listen_addresses= -c fsync=off -c max_parallel_workers=4" start >/dev/null
	createdb -h /trial/home bench
	pgbench -h /trial/home -i -s 3 -q bench 2>/dev/null
	bench 1 3000
	digest_tables
	bench 8 1500 -j 2
	bench 8 2000 -S -M prepared
	balances
	sql 'vacuum full analyze; '
	sql "create table words as select md5(i::text) w, i % 977 g, repeat(md5(i::text), i % 200) long from generate_series(1, 60000) i"
	sql 'create index on words (w); create index on words using hash (g)'
	sql 'select g, count(*), max(length(long)), min(w), string_agg(w, chr(44) order by w) from words group by g order by g' | sha256sum
	sql 'select a.g, count(*) from words a join words b using (g) where a.w < b.w group by 1 order by 2 desc, 1 limit 50' | sha256sum
	pg_ctl -w -D data stop >/dev/null
	grep -E 'PANIC|FATAL|terminated by signal' log | grep -v 'starting up' || true
}

sqlite() {
	sqlite3 :memory: <<-'END' | sha256sum
		create table t(k integer primary key, w text, b blob);
		with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000)
			insert into t select i, hex(i * 7919 % 200003), zeroblob(i % 300) from n;
		create index tw on t(w);
		delete from t where k % 3 = 0;
		update t set w = w || k where k % 5 = 0;
		select w, sum(length(b)), group_concat(k) from t group by substr(w, 1, 4) order by w;
		pragma integrity_check;
	END
}

session() {
	export -f postgres sqlite bench balances digest_tables sql
	as_user bash -e -o pipefail -c postgres
	as_user bash -e -o pipefail -c sqlite
}

main "$@"

#!/bin/bash
# postgres.t: PostgreSQL from initdb to shutdown: pgbench with fixed seeds, then queries whose results must agree.
# The server refuses to run as root; as root the test becomes the user postgres and works on a copy of the library.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

bin=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1)
bin=${bin%/initdb}
name='postgres: initdb, pgbench, queries'
become=()

prepare() { # false, and a skip, without a server and a user that may run it
	[ -n "$bin" ] || { skip "$name" 'no PostgreSQL server'; return 1; }
	[ "$(id -u)" -eq 0 ] || return 0
	id postgres >/dev/null 2>&1 || { skip "$name" 'root, and no user postgres'; return 1; }
	become=(setpriv --reuid=postgres --regid=postgres --init-groups)
	chmod 711 "$scratch" && cp "$lib" "$scratch/" && chmod 755 "$scratch/${lib##*/}"
	lib=$scratch/${lib##*/}
	"${become[@]}" test -r "$lib" || { skip "$name" "the user postgres cannot read $scratch"; return 1; }
}

cat >"$scratch/work.sql" <<'END'
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET min_parallel_table_scan_size = 0;
CREATE TABLE number AS SELECT i AS id, (i::bigint * 2654435761) % 1000003 AS hash, md5((i % 5003)::text) AS word FROM generate_series(1, 200000) i;
CREATE INDEX ON number (word, hash);
CREATE INDEX ON number USING gin (string_to_array(substr(word, 1, 8), 'a'));
ANALYZE number;
SELECT count(*), sum(hash), count(DISTINCT word), max(word) FROM number;
SELECT word, count(*), array_agg(id ORDER BY id DESC) FILTER (WHERE id % 9973 = 1) FROM number GROUP BY word ORDER BY 2 DESC, 1 LIMIT 5;
SELECT count(*), sum(a.id % 7) FROM number a JOIN number b ON a.hash = b.id WHERE a.word < b.word;
SET work_mem = '64kB';
SELECT md5(string_agg(word || rank, ',' ORDER BY id)) FROM (SELECT id, word, rank() OVER (PARTITION BY hash % 100 ORDER BY word, id) FROM number WHERE id < 50000) r;
SET work_mem = '64MB';
SELECT md5(string_agg(j::text, '' ORDER BY id)) FROM (SELECT id, jsonb_build_object('id', id, 'word', word, 'list', jsonb_build_array(id, hash)) j FROM number WHERE id % 5 = 0) x;
SELECT count(*) FROM number WHERE word ~ '^[0-9]+[a-f]{2}.*(ab|cd)$';
WITH RECURSIVE t(n, s) AS (SELECT 1, '1' UNION ALL SELECT n + 1, right(s || (n * 7919), 500) FROM t WHERE n < 5000) SELECT md5(string_agg(s, '' ORDER BY n)) FROM t;
CREATE FUNCTION fill(n int) RETURNS bigint LANGUAGE plpgsql AS $$
declare total bigint := 0; kept text[] := '{}';
begin
	for i in 1..n loop kept[i % 300] := repeat(i::text, i % 50); total := total + length(kept[i % 300]); end loop;
	return total;
end $$;
SELECT fill(50000);
DELETE FROM number WHERE id % 3 = 0;
VACUUM FULL number;
SELECT sum(abalance), min(aid), max(aid), md5(string_agg(abalance::text, ',' ORDER BY aid)) FROM pgbench_accounts;
SELECT md5(string_agg(tbalance::text, ',' ORDER BY tid)), (SELECT sum(bbalance) FROM pgbench_branches) FROM pgbench_tellers;
SELECT count(*), sum(delta) FROM pgbench_history;
END

client() { # PROGRAM ARGS...
	run "${become[@]}" "$bin/$1" -h "$PWD" -p 5432 -U tester "${@:2}"
}

session() {
	[ ${#become[@]} -eq 0 ] || chown postgres "$PWD"
	run "${become[@]}" "$bin/initdb" -D "$PWD/data" -U tester -A trust -E UTF8 --locale=C --no-sync >&2 || return
	# No TCP at all: the socket is in the session's folder.
	serve "${become[@]}" "$bin/postgres" -D "$PWD/data" -k "$PWD" -c listen_addresses= -c fsync=off -c shared_buffers=64MB
	wait_for 20 "$bin/pg_isready" -q -h "$PWD" -p 5432 || return
	expect_loaded "$server" $(children "$server")
	# The sums are the same in whatever order the four clients' transactions come.
	client pgbench -q -i -s 1 postgres >&2 && client pgbench -n -c 4 -j 2 -t 250 --random-seed=42 postgres >&2 || return
	client psql -X -q -A -t -v ON_ERROR_STOP=1 -f "$scratch/work.sql" postgres || return
	# The dump's key for psql's restricted mode is a new one every time.
	client pg_dump -t number postgres | sed -E -e '/^--/d' -e '/^\\(un)?restrict /d' | sha256sum
	client pg_isready -q && echo alive
}
prepare && twice "$name" session

done_testing

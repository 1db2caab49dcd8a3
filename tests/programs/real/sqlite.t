#!/bin/bash
# sqlite.t: a million rows, indices, joins, sorting, window functions; in memory and in a file.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

cat >"$scratch/work.sql" <<'END'
.bail on
PRAGMA cache_size = -60000;
PRAGMA synchronous = off;
CREATE TABLE number (id INTEGER PRIMARY KEY, hash INTEGER, word TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
INSERT INTO number SELECT i, (i * 2654435761) % 1000003, printf('w%x', (i * 40503) % 65536) FROM n;
CREATE INDEX by_word ON number (word, hash);
CREATE TABLE kind AS SELECT word, count(*) AS times, sum(hash) AS total, group_concat(id % 10, '') AS tail FROM number GROUP BY word;
CREATE UNIQUE INDEX kind_word ON kind (word);
SELECT count(*), sum(times), max(total), sum(length(tail)) FROM kind;
SELECT k.word, k.times, max(n.hash) FROM kind k JOIN number n USING (word) WHERE n.id % 1009 = 5 GROUP BY k.word ORDER BY 3 DESC, 1 LIMIT 10;
SELECT count(*) FROM number a JOIN number b ON a.hash = b.id WHERE b.word > a.word AND a.id % 5 = 0;
SELECT sum(rank % 97) FROM (SELECT row_number() OVER (PARTITION BY hash % 100 ORDER BY word, id) AS rank FROM number WHERE id < 200000);
UPDATE number SET word = word || substr('abcdefghij', 1, id % 10) WHERE id % 3 = 0;
DELETE FROM number WHERE hash % 10 = 4;
SELECT json_group_array(word) FROM (SELECT word FROM number WHERE id % 50021 = 7 ORDER BY word);
SELECT count(DISTINCT word), sum(length(word)) FROM number;
VACUUM;
PRAGMA integrity_check;
SELECT id, hash, word FROM number ORDER BY hash, id LIMIT 20000;
END
sed 's/i < 1000000/i < 500000/' "$scratch/work.sql" >"$scratch/half.sql"
cat >"$scratch/in-memory" <<END
set -e -o pipefail
sqlite3 -batch :memory: '.read $scratch/half.sql' .dump | tee dump | sha256sum
sed -n '/^PRAGMA foreign_keys/,\$p' dump | sqlite3 -batch :memory: '.read /dev/stdin' .dump | sha256sum
END

need 'sqlite3: a million rows' sqlite3 &&
	same 'sqlite3: a million rows, in a file' sqlite3 -batch rows.db ".read $scratch/work.sql" &&
	same 'sqlite3: half a million rows, in memory, dumped and loaded' bash "$scratch/in-memory"

done_testing

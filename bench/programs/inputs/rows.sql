-- rows.sql: a table in memory, indices, a join, grouping, sorting, updates, deletions. COUNT is put in by the bench.
.bail on
PRAGMA cache_size = -200000;
CREATE TABLE number (id INTEGER PRIMARY KEY, hash INTEGER, word TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < COUNT)
INSERT INTO number SELECT i, (i * 2654435761) % 1000003, printf('w%x', (i * 40503) % 65536) FROM n;
CREATE INDEX by_word ON number (word, hash);
CREATE TABLE kind AS SELECT word, count(*) AS times, sum(hash) AS total, group_concat(id % 10, '') AS tail FROM number GROUP BY word;
SELECT count(*), sum(times), max(total), sum(length(tail)) FROM kind;
SELECT sum(rank % 97) FROM (SELECT row_number() OVER (PARTITION BY hash % 100 ORDER BY word, id) AS rank FROM number WHERE id < COUNT / 10);
UPDATE number SET word = word || substr('abcdefghij', 1, id % 10) WHERE id % 3 = 0;
DELETE FROM number WHERE hash % 10 = 4;
SELECT count(DISTINCT word), sum(length(word)) FROM number;

-- query.sql: one query in ten of the PostgreSQL workload: aggregates, JSON and arrays, made and thrown away.
SELECT count(*), sum(length(j::text)) FROM (
	SELECT jsonb_build_object('aid', aid, 'branch', bid, 'list', jsonb_agg(abalance)) AS j
	FROM pgbench_accounts WHERE aid % 997 < 20 AND aid < 20000 GROUP BY aid, bid) AS documents;

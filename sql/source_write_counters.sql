-- How often rows of a table ($1, its OID) or its partitions were written since the server's counters began, and when they began. The counters follow
-- a write by up to a minute and lose the last moments before a crash.
SELECT sum(pg_catalog.pg_stat_get_tuples_inserted(t.oid)) AS inserted,
       sum(pg_catalog.pg_stat_get_tuples_updated(t.oid)) AS updated,
       sum(pg_catalog.pg_stat_get_tuples_deleted(t.oid)) AS deleted
FROM (SELECT $1::oid AS oid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree($1::oid) p) AS t

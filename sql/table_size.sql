-- Sizes of the table ($1) as they are now, and what the last ANALYZE or VACUUM knew. `is_analyzed` is false as well where the
-- statistics are of an empty table that has pages now.
SELECT pg_relation_size(c.oid) AS heap_bytes,
       CASE WHEN c.reltoastrelid <> 0 THEN pg_total_relation_size(c.reltoastrelid) ELSE 0 END AS toast_bytes,
       pg_indexes_size(c.oid) AS index_bytes,
       pg_relation_size(c.oid) / current_setting('block_size')::bigint AS page_count,
       c.reltuples,
       c.relpages,
       c.reltuples >= 0 AND c.relpages > 0 AS is_analyzed,
       coalesce(pg_stat_get_dead_tuples(c.oid), 0) AS dead_rows
FROM pg_class c
WHERE c.oid = $1::oid AND c.relkind IN ('r', 'm', 't')

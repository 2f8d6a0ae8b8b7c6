-- As table_size.sql, of all partitions of a table ($1) together: `reltuples` is what they hold by the density that each had when it
-- was analyzed, and `relpages` the pages of now.
SELECT coalesce(sum(l.heap_bytes), 0)::bigint AS heap_bytes,
       coalesce(sum(CASE WHEN c.reltoastrelid <> 0 THEN pg_total_relation_size(c.reltoastrelid) ELSE 0 END), 0)::bigint AS toast_bytes,
       coalesce(sum(pg_indexes_size(c.oid)), 0)::bigint AS index_bytes,
       coalesce(sum(l.pages), 0)::bigint AS page_count,
       coalesce(sum(CASE WHEN c.reltuples >= 0 AND c.relpages > 0 THEN c.reltuples::float8 / c.relpages * l.pages ELSE 0 END), 0)
         AS reltuples,
       coalesce(sum(l.pages), 0)::bigint AS relpages,
       coalesce(bool_and(l.pages = 0 OR c.reltuples >= 0 AND c.relpages > 0), false) AS is_analyzed,
       coalesce(sum(pg_stat_get_dead_tuples(c.oid)), 0)::bigint AS dead_rows
FROM pg_partition_tree($1::oid) t
JOIN pg_class c ON c.oid = t.relid
CROSS JOIN LATERAL (SELECT coalesce(pg_relation_size(c.oid), 0) AS heap_bytes,
                           coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::bigint AS pages) AS l
WHERE t.isleaf AND c.relkind = 'r'

-- How far the vacuums of these sessions ($1, their process ids) are, from 0 to 1. A table's TOAST comes after its heap.
WITH running AS (
    SELECT p.pid, p.heap_blks_scanned, p.heap_blks_total, c.relkind = 't' AS is_toast,
           pg_catalog.pg_relation_size(CASE WHEN c.relkind = 't' THEN h.oid ELSE c.reltoastrelid END)
             / pg_catalog.current_setting('block_size')::int AS other_blks
    FROM pg_catalog.pg_stat_progress_vacuum p
    JOIN pg_catalog.pg_class c ON c.oid = p.relid
    LEFT JOIN pg_catalog.pg_class h ON h.reltoastrelid = c.oid
    WHERE p.pid = ANY ($1::int[])
)
SELECT pid,
       coalesce((heap_blks_scanned + CASE WHEN is_toast THEN coalesce(other_blks, 0) ELSE 0 END)::float8
                  / nullif(heap_blks_total + coalesce(other_blks, 0), 0), 0) AS share
FROM running

-- The partitions of a table ($1, its oid), of every level, with the triggers of their own that somebody made (not those that come with
-- the table's) and how these are enabled.
SELECT c.oid, n.nspname AS schema, c.relname AS name, t.isleaf AS is_leaf, g.names AS trigger_names, g.states AS trigger_states
FROM pg_partition_tree($1::oid) t
JOIN pg_class c ON c.oid = t.relid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(o.tgname::text ORDER BY o.tgname), '{}') AS names,
           coalesce(array_agg(o.tgenabled::text ORDER BY o.tgname), '{}') AS states
    FROM pg_trigger o
    JOIN pg_proc f ON f.oid = o.tgfoid
    WHERE o.tgrelid = c.oid AND NOT o.tgisinternal AND o.tgparentid = 0
      AND f.pronamespace IS DISTINCT FROM (SELECT s.oid FROM pg_namespace s WHERE s.nspname = 'pgsluice')
) AS g
WHERE t.level > 0
ORDER BY c.oid

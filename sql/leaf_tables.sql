-- The leaves of a table ($1, as regclass text), which may not be partitioned: then none.
SELECT n.nspname AS schema, c.relname AS name
FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1)) t
JOIN pg_catalog.pg_class p ON p.oid = pg_catalog.to_regclass($1) AND p.relkind = 'p'
JOIN pg_catalog.pg_class c ON c.oid = t.relid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE t.isleaf
ORDER BY c.oid

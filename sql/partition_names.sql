-- The partitions below a table ($1, as regclass text), of every level.
SELECT n.nspname AS schema, c.relname AS name
FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1)) AS p
JOIN pg_catalog.pg_class c ON c.oid = p.relid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE p.level > 0

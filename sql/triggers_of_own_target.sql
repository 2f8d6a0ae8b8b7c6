-- The triggers of a partitioned table ($1, as regclass text) and its partitions, without those that come with a parent's.
SELECT n.nspname AS schema, c.relname AS table_name, t.tgname AS name
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgparentid = 0
  AND t.tgrelid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.regclass) p)
ORDER BY c.oid, t.tgname

-- Tables whose comment ends with the mark ($1), parents before their partitions.
SELECT n.nspname AS schema, c.relname AS name, NOT c.relispartition AS is_root
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
  AND pg_catalog.right(coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), ''), pg_catalog.length($1::text)) = $1::text
ORDER BY (SELECT pg_catalog.count(*) FROM pg_catalog.pg_partition_ancestors(c.oid)), n.nspname, c.relname

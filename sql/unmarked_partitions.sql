-- Partitions of any level below a table ($1, as regclass text) whose comment does not end with the mark ($2).
WITH RECURSIVE partition (oid) AS (
    SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = $1::pg_catalog.regclass
  UNION ALL
    SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN partition p ON p.oid = i.inhparent
)
SELECT n.nspname AS schema, c.relname AS name
FROM partition p
JOIN pg_catalog.pg_class c ON c.oid = p.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE pg_catalog.right(coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), ''), pg_catalog.length($2::text)) <> $2::text
ORDER BY n.nspname, c.relname

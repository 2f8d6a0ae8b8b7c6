-- The foreign keys that stand on two tables ($1, $2, their oids) or on partitions of them, each once: those that the server made for
-- a partition, at either end, are their parent's.
SELECT k.conname AS name, n.nspname AS schema, c.relname AS table_name, c.oid AS table_oid, k.confrelid AS referenced_oid,
       rn.nspname AS referenced_schema, r.relname AS referenced_name, pg_has_role(r.relowner, 'USAGE') AS is_owned
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = k.confrelid
JOIN pg_namespace rn ON rn.oid = r.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0
  AND (k.conrelid IN ($1::oid, $2::oid) OR k.conrelid IN (SELECT t.relid FROM pg_partition_tree($1::oid) t)
       OR k.conrelid IN (SELECT t.relid FROM pg_partition_tree($2::oid) t))
ORDER BY k.conrelid, k.conname COLLATE "C"

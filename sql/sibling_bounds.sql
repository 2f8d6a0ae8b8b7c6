-- The bounds of the partitions of the table $1 (its oid), but that of the partition $2 (its oid).
SELECT n.nspname AS schema, c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.inhparent = $1::oid AND c.oid <> $2::oid
ORDER BY c.oid

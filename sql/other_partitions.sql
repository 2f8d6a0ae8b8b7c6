-- The partitions of the table $1 (its oid) but those of the oids $2; and the name of its DEFAULT partition, if that is among them.
SELECT i.inhrelid AS oid, n.nspname AS schema, c.relname AS name, pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' AS is_default
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.inhparent = $1::oid AND NOT i.inhrelid = ANY ($2::oid[])
ORDER BY i.inhrelid

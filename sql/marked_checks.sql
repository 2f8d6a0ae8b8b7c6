-- CHECK constraints with the mark ($1) as their comment, with their tables.
SELECT n.nspname AS schema, c.relname AS name, k.conname AS check_name, k.convalidated AS is_valid
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'c' AND pg_catalog.obj_description(k.oid, 'pg_constraint') = $1::text
ORDER BY c.oid

-- The relations that a swap is about: the source by its oid ($1), and whatever has the source's name ($2 schema, $3 name) or the
-- target's planned name ($4 schema, $5 name).
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relispartition AS is_partition,
       pg_has_role(c.relowner, 'USAGE') AS is_owned,
       coalesce(obj_description(c.oid, 'pg_class'), '') AS comment
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = $1::oid OR n.nspname = $2::text AND c.relname = $3::text OR n.nspname = $4::text AND c.relname = $5::text
ORDER BY c.oid

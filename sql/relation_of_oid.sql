-- The relation of an oid ($1), with its comment; no row where there is none.
SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind,
       coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), '') AS comment
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = $1::oid

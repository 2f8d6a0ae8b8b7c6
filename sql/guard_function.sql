-- The comment of a function in schema pgsluice ($1: its name); no row where there is none.
SELECT pg_catalog.obj_description(p.oid, 'pg_proc') AS comment
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'pgsluice' AND p.proname = $1

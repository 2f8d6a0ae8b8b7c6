-- The tables beside $2 (as regclass text) that have a trigger which calls the function $1 of schema pgsluice.
SELECT DISTINCT n.nspname AS schema, c.relname AS name
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid AND f.proname = $1
JOIN pg_catalog.pg_namespace s ON s.oid = f.pronamespace AND s.nspname = 'pgsluice'
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid <> pg_catalog.to_regclass($2)
ORDER BY 1, 2

-- The functions of the table's ($1) triggers. They have no arguments, by definition.
SELECT DISTINCT n.nspname AS schema, f.proname AS name
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid
JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
WHERE t.tgrelid = $1::oid AND NOT t.tgisinternal AND n.nspname <> 'pgsluice'
ORDER BY 1, 2

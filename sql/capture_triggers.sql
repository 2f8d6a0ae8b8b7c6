-- How many triggers on the table $1 (as regclass text) carry the mark $2 and call the log's functions.
SELECT pg_catalog.count(*)
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid
JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace AND n.nspname = 'pgsluice'
WHERE t.tgrelid = pg_catalog.to_regclass($1) AND NOT t.tgisinternal
  AND f.proname LIKE $2 || '%'

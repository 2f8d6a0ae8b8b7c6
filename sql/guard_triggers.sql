-- The triggers whose comment is the mark ($1): the guard of one migration.
SELECT n.nspname AS schema, c.relname AS table_name, t.tgname AS name, c.oid = pg_catalog.to_regclass($2::text) AS is_on_source
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND d.objoid = t.oid AND d.objsubid = 0
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND d.description = $1
ORDER BY t.tgname

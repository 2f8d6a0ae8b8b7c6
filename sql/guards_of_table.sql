-- The marks of the guards on a table ($1, quoted): of whatever migration, whose ledger may be in another database.
SELECT DISTINCT d.description
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND d.objoid = t.oid AND d.objsubid = 0
WHERE t.tgrelid = pg_catalog.to_regclass($1::text) AND NOT t.tgisinternal AND d.description ~ '^\[pgsluice [0-9a-f-]+\]$'
ORDER BY 1

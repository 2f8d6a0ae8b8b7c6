-- Whether this role may execute the function $1 (SQL text); no row where there is no such function.
SELECT pg_catalog.has_function_privilege(f.oid, 'EXECUTE') AS held
FROM pg_catalog.pg_proc f
WHERE f.oid = pg_catalog.to_regprocedure($1::text)

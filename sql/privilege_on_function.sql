-- Whether this role may execute the function $2 without arguments of schema $1; no row where there is none.
SELECT pg_catalog.has_function_privilege(f.oid, 'EXECUTE') AS held
FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
WHERE n.nspname = $1::text AND f.proname = $2::text AND f.pronargs = 0

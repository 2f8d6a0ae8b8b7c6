-- Names in the schema $1 that new extended statistics cannot have.
SELECT s.stxname AS name
FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
WHERE n.nspname = $1::text

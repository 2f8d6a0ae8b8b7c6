-- Whether the schema that holds the guards' functions is there.
SELECT pg_catalog.to_regnamespace('pgsluice') IS NOT NULL

-- Whether this role has the privilege $3 on the table $2 of schema $1, or on each of its columns $4; no row where there is no table.
SELECT pg_catalog.has_table_privilege(c.oid, $3::text)
       OR coalesce((SELECT pg_catalog.bool_and(pg_catalog.has_column_privilege(c.oid, a.attnum, $3::text))
                    FROM pg_catalog.pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attname = ANY ($4::text[])), false) AS held
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relname = $2::text

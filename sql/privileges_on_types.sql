-- The user-defined types of the table's ($1) columns, elements in place of arrays, and whether this role may use them.
SELECT DISTINCT n.nspname AS schema, e.typname AS name, pg_catalog.has_type_privilege(e.oid, 'USAGE') AS held
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_type e ON e.oid = CASE WHEN t.typelem <> 0 AND t.typlen = -1 THEN t.typelem ELSE t.oid END
JOIN pg_catalog.pg_namespace n ON n.oid = e.typnamespace
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped AND e.oid >= 16384
ORDER BY 1, 2

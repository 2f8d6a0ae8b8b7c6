-- The relation of a name: $1 is its schema, or empty for a search along search_path; $2 the name, $3 the name in quotes.
-- Asks the catalogue itself, so that a schema without USAGE is no error here. No row where there is no such relation.
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS can_select
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE CASE WHEN $1::text = '' THEN c.oid = pg_catalog.to_regclass($3::text)
           ELSE n.nspname = $1::text AND c.relname = $2::text END

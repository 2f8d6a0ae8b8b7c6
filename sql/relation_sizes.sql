-- The sizes in bytes of tables ($1 schemas, $2 names, in step), in that order, of the heap and with TOAST; 0 where there is no such
-- table.
SELECT coalesce(pg_catalog.pg_relation_size(c.oid), 0) AS heap_bytes,
       coalesce(pg_catalog.pg_table_size(c.oid), 0) AS table_bytes
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (schema, name, position)
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
ORDER BY w.position

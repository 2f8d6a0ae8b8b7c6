-- Which of these tables ($1 schemas, $2 names, in step; positions from 1) have pages with rows that some transaction might not see yet
-- when they were last vacuumed, and which could not be frozen therefore.
SELECT w.position
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (schema, name, position)
JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
WHERE c.relallvisible < c.relpages
ORDER BY w.position

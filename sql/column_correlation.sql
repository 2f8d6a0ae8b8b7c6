-- How closely the rows of a table ($1 schema, $2 name) lie in the heap in the order of a column ($3): -1 to 1, as ANALYZE found it. No row
-- where it is not known.
SELECT s.correlation
FROM pg_catalog.pg_stats s
WHERE s.schemaname = $1 AND s.tablename = $2 AND s.attname = $3 AND NOT s.inherited AND s.correlation IS NOT NULL

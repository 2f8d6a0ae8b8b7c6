-- Relations outside our own schema whose comment ends with the mark ($1), with the whole comment.
SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind, pg_catalog.obj_description(c.oid, 'pg_class') AS comment
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'S', 'm', 'v') AND n.nspname <> 'pgsluice'
  AND pg_catalog.right(coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), ''), pg_catalog.length($1::text)) = $1::text
ORDER BY n.nspname, c.relname

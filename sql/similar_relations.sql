-- Up to three tables whose name is like $1, for a hint; the closest first.
SELECT n.nspname AS schema, c.relname AS name
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pgsluice') AND n.nspname !~ '^pg_(toast|temp)'
  AND (lower(c.relname) = lower($1::text)
       OR length(c.relname) >= 4 AND strpos(lower($1::text), lower(c.relname)) > 0
       OR length($1::text) >= 4 AND strpos(lower(c.relname), lower($1::text)) > 0)
ORDER BY c.relname = $1::text DESC, lower(c.relname) = lower($1::text) DESC,
         abs(length(c.relname) - length($1::text)), n.nspname, c.relname
LIMIT 3

-- The CHECK constraints of the table ($1), but our own, which carry the mark.
SELECT k.conname AS name,
       pg_get_expr(k.conbin, k.conrelid) AS expression,
       k.convalidated AS is_valid,
       pg_get_constraintdef(k.oid) NOT LIKE '% NOT ENFORCED' AS is_enforced,
       k.connoinherit AS no_inherit,
       obj_description(k.oid, 'pg_constraint') AS comment
FROM pg_constraint k
WHERE k.conrelid = $1::oid AND k.contype = 'c'
  AND coalesce(obj_description(k.oid, 'pg_constraint'), '') !~ '^\[pgsluice [-0-9a-f]+\]$'
ORDER BY k.conname COLLATE "C"

-- The CHECK constraints of the table ($1).
SELECT k.conname AS name,
       pg_get_expr(k.conbin, k.conrelid) AS expression,
       k.convalidated AS is_valid,
       pg_get_constraintdef(k.oid) NOT LIKE '% NOT ENFORCED' AS is_enforced,
       k.connoinherit AS no_inherit,
       obj_description(k.oid, 'pg_constraint') AS comment
FROM pg_constraint k
WHERE k.conrelid = $1::oid AND k.contype = 'c'
ORDER BY k.conname COLLATE "C"

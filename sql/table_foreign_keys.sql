-- The foreign keys from the table ($1) and to it. Rows that the server keeps for the partitions of the table at the other end repeat
-- their parent's, and are left out.
SELECT k.conrelid = $1::oid AS is_outgoing,
       k.confrelid = $1::oid AS is_incoming,
       k.conname AS name,
       tn.nspname AS table_schema,
       t.relname AS table_name,
       rn.nspname AS referenced_schema,
       r.relname AS referenced_name,
       (SELECT array_agg(a.attname::text ORDER BY p.position)
        FROM unnest(k.conkey) WITH ORDINALITY AS p (number, position)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.number) AS columns,
       (SELECT array_agg(a.attname::text ORDER BY p.position)
        FROM unnest(k.confkey) WITH ORDINALITY AS p (number, position)
        JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = p.number) AS referenced_columns,
       regexp_replace(pg_get_constraintdef(k.oid), ' NOT (VALID|ENFORCED)$', '') AS definition,
       k.confdeltype AS on_delete,
       k.convalidated AS is_valid,
       pg_get_constraintdef(k.oid) NOT LIKE '% NOT ENFORCED' AS is_enforced,
       obj_description(k.oid, 'pg_constraint') AS comment
FROM pg_constraint k
JOIN pg_class t ON t.oid = k.conrelid
JOIN pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_class r ON r.oid = k.confrelid
JOIN pg_namespace rn ON rn.oid = r.relnamespace
LEFT JOIN pg_constraint parent ON parent.oid = k.conparentid
WHERE k.contype = 'f'
  AND (k.conrelid = $1::oid AND parent.conrelid IS DISTINCT FROM k.conrelid
       OR k.confrelid = $1::oid AND parent.confrelid IS DISTINCT FROM k.confrelid)
ORDER BY tn.nspname COLLATE "C", t.relname COLLATE "C", k.conname COLLATE "C", k.oid

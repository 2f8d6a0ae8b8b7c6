-- The foreign keys on some tables ($1, their oids).
SELECT k.conname AS name, k.conrelid AS table_oid, tn.nspname AS table_schema, t.relname AS table_name,
       k.confrelid AS referenced_oid, rn.nspname AS referenced_schema, r.relname AS referenced_name,
       pg_has_role(r.relowner, 'USAGE') AS is_owned
FROM pg_constraint k
JOIN pg_class t ON t.oid = k.conrelid
JOIN pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_class r ON r.oid = k.confrelid
JOIN pg_namespace rn ON rn.oid = r.relnamespace
LEFT JOIN pg_constraint above ON above.oid = k.conparentid
WHERE k.contype = 'f' AND k.conrelid = ANY ($1::oid[]) AND above.conrelid IS DISTINCT FROM k.conrelid
ORDER BY k.conrelid, k.conname COLLATE "C"

-- The publications that name the table ($1).
SELECT p.pubname AS name,
       '' AS columns,
       '' AS row_filter,
       pg_has_role(p.pubowner, 'USAGE') AS owned
FROM pg_publication p
JOIN pg_publication_rel r ON r.prpubid = p.oid
WHERE r.prrelid = $1::oid
ORDER BY p.pubname COLLATE "C"

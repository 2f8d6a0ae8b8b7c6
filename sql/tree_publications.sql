-- The publications that name a partitioned table ($1, its oid) or a partition of it.
SELECT p.pubname AS publication, n.nspname AS schema, c.relname AS name, c.oid
FROM pg_publication_rel r
JOIN pg_publication p ON p.oid = r.prpubid
JOIN pg_class c ON c.oid = r.prrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.prrelid = $1::oid OR r.prrelid IN (SELECT t.relid FROM pg_partition_tree($1::oid) t)
ORDER BY p.pubname COLLATE "C", c.oid

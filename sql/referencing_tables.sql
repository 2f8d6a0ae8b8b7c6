-- The tables whose foreign keys point to the table ($1, its oid), each with the tables that hold its rows: itself, or its leaves.
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS is_partitioned,
       pg_has_role(c.relowner, 'USAGE') AS is_owned,
       ARRAY(SELECT ln.nspname::text FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid
             JOIN pg_namespace ln ON ln.oid = l.relnamespace WHERE t.isleaf AND c.relkind = 'p' ORDER BY l.oid) AS leaf_schemas,
       ARRAY(SELECT l.relname::text FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid
             WHERE t.isleaf AND c.relkind = 'p' ORDER BY l.oid) AS leaf_names
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid <> $1::oid
  AND c.oid IN (SELECT k.conrelid FROM pg_constraint k LEFT JOIN pg_constraint p ON p.oid = k.conparentid
                WHERE k.contype = 'f' AND k.confrelid = $1::oid AND p.confrelid IS DISTINCT FROM k.confrelid)
ORDER BY c.oid

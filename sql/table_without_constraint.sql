-- A table ($1, as regclass text) as long as it has no constraint of that name ($2), with the tables that hold its rows: itself, or its
-- leaves. No row when it is gone or has the constraint.
SELECT c.oid, c.relkind = 'p' AS is_partitioned, pg_has_role(c.relowner, 'USAGE') AS is_owned,
       ARRAY(SELECT ln.nspname::text FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid
             JOIN pg_namespace ln ON ln.oid = l.relnamespace WHERE t.isleaf AND c.relkind = 'p' ORDER BY l.oid) AS leaf_schemas,
       ARRAY(SELECT l.relname::text FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid
             WHERE t.isleaf AND c.relkind = 'p' ORDER BY l.oid) AS leaf_names
FROM pg_class c
WHERE c.oid = to_regclass($1)
  AND NOT EXISTS (SELECT FROM pg_constraint k
                  WHERE k.conname = $2::text
                    AND (k.conrelid = c.oid OR k.conrelid IN (SELECT t.relid FROM pg_partition_tree(c.oid) t)))

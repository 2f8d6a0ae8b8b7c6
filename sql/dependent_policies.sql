-- The policies of other tables whose conditions look into the table ($1, its oid); a partitioned table's own ones, too, which may look
-- into it or not: the catalogue does not tell.
SELECT p.polname AS name, n.nspname AS schema, c.relname AS table_name, c.oid AS table_oid,
       coalesce(pg_get_expr(p.polqual, p.polrelid), '') AS using_expression,
       coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') AS check_expression,
       pg_has_role(c.relowner, 'USAGE') AS is_owned
FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (p.polrelid <> $1::oid OR c.relkind = 'p')
  AND p.oid IN (SELECT d.objid FROM pg_depend d
                WHERE d.classid = 'pg_policy'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::oid)
ORDER BY c.oid, p.polname COLLATE "C"

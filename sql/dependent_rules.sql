-- The rules of other tables and views whose actions name the table ($1, its oid).
SELECT r.rulename AS name, n.nspname AS schema, c.relname AS table_name, c.oid AS table_oid,
       regexp_replace(pg_get_ruledef(r.oid), ';\s*$', '') AS definition,
       pg_has_role(c.relowner, 'USAGE') AS is_owned
FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN' AND r.ev_class <> $1::oid
  AND r.oid IN (SELECT d.objid FROM pg_depend d
                WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::oid)
ORDER BY c.oid, r.rulename COLLATE "C"

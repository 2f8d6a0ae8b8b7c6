-- The views and materialized views whose query names the relation ($1, its oid) itself. One that shows rows of the relation's own type
-- cannot be replaced by one that shows rows of another's.
SELECT v.oid, n.nspname AS schema, v.relname AS name, v.relkind AS kind,
       regexp_replace(pg_get_viewdef(v.oid), ';\s*$', '') AS definition,
       coalesce(v.reloptions, '{}') AS options,
       pg_get_userbyid(v.relowner) AS owner,
       coalesce((SELECT a.amname FROM pg_am a WHERE a.oid = v.relam), '') AS access_method,
       coalesce((SELECT s.spcname FROM pg_tablespace s WHERE s.oid = v.reltablespace), '') AS tablespace,
       v.relispopulated AS is_populated,
       coalesce(obj_description(v.oid, 'pg_class'), '') AS comment,
       pg_has_role(v.relowner, 'USAGE') AS is_owned,
       pg_relation_is_updatable(v.oid, true) <> 0 AS is_updatable,
       EXISTS (SELECT FROM pg_attribute a JOIN pg_class r ON r.oid = $1::oid
               JOIN pg_type t ON t.oid = r.reltype
               WHERE a.attrelid = v.oid AND a.attnum > 0 AND a.atttypid IN (t.oid, t.typarray)) AS shows_row_type
FROM pg_class v
JOIN pg_namespace n ON n.oid = v.relnamespace
WHERE v.oid <> $1::oid
  AND v.oid IN (SELECT r.ev_class
                FROM pg_depend d
                JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN'
                WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::oid)
ORDER BY v.oid

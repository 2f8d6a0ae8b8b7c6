-- Whether a table in schema $2 has or can be given the owner $1: is_self, is_known, can_be_given. From 16 on a membership may lack
-- the right to SET ROLE, which giving an object away needs.
SELECT coalesce(r.rolname = current_user, false) AS is_self,
       r.oid IS NOT NULL AS is_known,
       r.oid IS NOT NULL AND pg_catalog.pg_has_role(r.oid, 'SET')
         AND coalesce(pg_catalog.has_schema_privilege(r.oid, n.oid, 'CREATE'), false) AS can_be_given
FROM (SELECT $1::text AS name) AS w
LEFT JOIN pg_catalog.pg_roles r ON r.rolname = w.name
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = $2::text

-- What this role and the role $2 may do in the schema $1; no row where there is no such schema. `other_create` is null where there is
-- no role $2.
SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS usage,
       pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS "create",
       (SELECT pg_catalog.has_schema_privilege(r.oid, n.oid, 'CREATE')
        FROM pg_catalog.pg_roles r WHERE r.rolname = $2::text) AS other_create
FROM pg_catalog.pg_namespace n
WHERE n.nspname = $1::text

-- Who gets privileges on a table that this role makes in a schema ($1), by ALTER DEFAULT PRIVILEGES: as quoted SQL text.
SELECT DISTINCT CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) END AS grantee
FROM pg_catalog.pg_default_acl d
JOIN pg_catalog.pg_roles r ON r.oid = d.defaclrole AND r.rolname = current_user
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) AS x
WHERE d.defaclobjtype = 'r' AND (d.defaclnamespace = 0 OR n.nspname = $1) AND x.grantee <> d.defaclrole
ORDER BY 1

-- Privileges on the table ($1) and its columns that others than its owner have.
SELECT CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END AS grantee,
       g.privilege_type AS privilege,
       coalesce(g.column_name, '') AS "column",
       bool_or(g.is_grantable) AS grantable
FROM (
    SELECT c.relowner, NULL::name AS column_name, 0 AS attnum, x.grantee, x.privilege_type, x.is_grantable
    FROM pg_class c, aclexplode(c.relacl) AS x
    WHERE c.oid = $1::oid
  UNION ALL
    SELECT c.relowner, a.attname, a.attnum, x.grantee, x.privilege_type, x.is_grantable
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped, aclexplode(a.attacl) AS x
    WHERE c.oid = $1::oid
) AS g
WHERE g.grantee <> g.relowner
GROUP BY g.attnum, g.column_name, g.grantee, g.privilege_type
ORDER BY g.attnum, 1, 2

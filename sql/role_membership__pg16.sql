-- How this role stands to the role $1: whether it has its privileges, and whether it may give objects to it. No row where there is no
-- such role. Since version 16 each membership says for itself what is inherited and what may be set.
SELECT pg_catalog.pg_has_role(r.oid, 'USAGE') AS usage,
       pg_catalog.pg_has_role(r.oid, 'SET') AS may_give,
       pg_catalog.pg_has_role(r.oid, 'MEMBER') AS member,
       true AS inherits
FROM pg_catalog.pg_roles r
WHERE r.rolname = $1::text

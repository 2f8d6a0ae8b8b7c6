-- How this role stands to the role $1: whether it has its privileges, and whether it may give objects to it. No row where there is no
-- such role. `inherits` says whether this role takes over the privileges of the roles that it is a member of.
SELECT pg_catalog.pg_has_role(r.oid, 'USAGE') AS usage,
       pg_catalog.pg_has_role(r.oid, 'MEMBER') AS may_give,
       pg_catalog.pg_has_role(r.oid, 'MEMBER') AS member,
       (SELECT me.rolinherit FROM pg_catalog.pg_roles me WHERE me.rolname = current_user) AS inherits
FROM pg_catalog.pg_roles r
WHERE r.rolname = $1::text

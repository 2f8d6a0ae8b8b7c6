-- Who this session acts as.
SELECT r.rolname AS name, r.rolsuper AS is_superuser, r.rolbypassrls AS bypasses_row_security
FROM pg_catalog.pg_roles r
WHERE r.rolname = current_user

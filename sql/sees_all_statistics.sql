-- Whether this role may see what other roles' sessions and replicas do, and how they are called.
SELECT pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all, current_user AS role

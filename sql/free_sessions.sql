-- How many more sessions this role may open in this database, by the server's, the database's and the role's limits.
SELECT least(
  current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint -
    (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.backend_type = 'client backend'),
  (SELECT CASE WHEN d.datconnlimit >= 0
               THEN d.datconnlimit - (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid AND a.backend_type = 'client backend') END
   FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()),
  (SELECT CASE WHEN r.rolconnlimit >= 0
               THEN r.rolconnlimit - (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.usename = r.rolname AND a.backend_type = 'client backend') END
   FROM pg_catalog.pg_roles r WHERE r.rolname = session_user))

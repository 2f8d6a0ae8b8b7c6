-- Which database this session is in. `may_ask_system` says whether this role may call pg_control_system().
SELECT d.datname AS database,
       d.oid AS database_oid,
       pg_catalog.current_setting('server_version_num') AS server_version,
       pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS may_ask_system
FROM pg_catalog.pg_database d
WHERE d.datname = pg_catalog.current_database()

-- How many claims on a migration ($1) other sessions hold: its ranges, and everything that is no range (see try_claim.sql).
SELECT pg_catalog.count(*)
FROM pg_catalog.pg_locks l
WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
  AND l.classid = pg_catalog.hashtext($1)::pg_catalog.oid
  AND l.pid <> pg_catalog.pg_backend_pid()

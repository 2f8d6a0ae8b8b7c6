-- Whether the session with the pid $3 holds the advisory lock ($1, $2) in the database of this session.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_locks l
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
      AND l.classid = ($1::bigint & 4294967295)::pg_catalog.oid AND l.objid = ($2::bigint & 4294967295)::pg_catalog.oid
      AND l.pid = $3::integer
      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))

-- Transactions that have been open for more than $2 seconds and hold any lock on a table ($1, as regclass text) or a partition of it: a swap waits for them,
-- and everybody else behind it.
SELECT a.pid,
       coalesce(a.usename::text, '?') AS role,
       coalesce(a.state, 'background') AS state,
       coalesce(pg_catalog.to_char(pg_catalog.clock_timestamp() - a.xact_start, 'HH24:MI:SS'), '?') AS age,
       coalesce(pg_catalog.left(pg_catalog.regexp_replace(a.query, '\s+', ' ', 'g'), 80), '') AS query
FROM pg_catalog.pg_stat_activity a
WHERE a.pid <> pg_catalog.pg_backend_pid()
  AND a.application_name NOT LIKE 'pgsluice %'
  AND a.xact_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $2::float8)
  AND EXISTS (SELECT FROM pg_catalog.pg_locks l
              WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation' AND (l.relation = pg_catalog.to_regclass($1)
                   OR l.relation IN (SELECT t.relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1)) t))
                AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))
ORDER BY a.xact_start
LIMIT 5

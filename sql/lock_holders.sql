-- Sessions that hold a lock on a table which a schema change of it must wait for, oldest transaction first.
-- $1: the table as regclass text, its partitions included; $2: whether also those who only read are in the way.
SELECT a.pid,
       coalesce(a.usename::text, '?') AS role,
       coalesce(a.state, 'background') AS state,
       coalesce(to_char(clock_timestamp() - a.xact_start, 'HH24:MI:SS'), '?') AS transaction_age,
       coalesce(left(regexp_replace(a.query, '\s+', ' ', 'g'), 80), '') AS query
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation'
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  AND (l.relation = $1::pg_catalog.regclass
       OR l.relation IN (SELECT t.relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.regclass) t))
  AND l.granted
  AND l.pid <> pg_catalog.pg_backend_pid()
  AND (l.mode <> 'AccessShareLock' OR $2::boolean)
ORDER BY a.xact_start NULLS LAST
LIMIT 5

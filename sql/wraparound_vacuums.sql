-- Autovacuums against the wraparound of transaction ids that hold a table ($1, as regclass text, its partitions included): they do not
-- step aside for whoever waits behind them.
SELECT a.pid, l.relation::pg_catalog.regclass::text AS table_name
FROM pg_catalog.pg_stat_activity a
JOIN pg_catalog.pg_locks l ON l.pid = a.pid AND l.granted AND l.locktype = 'relation'
WHERE a.backend_type = 'autovacuum worker' AND a.query LIKE '%(to prevent wraparound)%'
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
  AND (l.relation = pg_catalog.to_regclass($1)
       OR l.relation IN (SELECT t.relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1)) t))
LIMIT 5

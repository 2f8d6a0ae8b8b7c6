-- Bytes of WAL ever written, and blocks ever read into shared buffers for this database. NULL where it cannot be seen.
SELECT CASE WHEN pg_catalog.has_function_privilege('pg_catalog.pg_current_wal_insert_lsn()', 'EXECUTE')
             AND NOT pg_catalog.pg_is_in_recovery()
            THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0') END,
       (SELECT d.blks_read FROM pg_catalog.pg_stat_database d WHERE d.datname = pg_catalog.current_database())

-- Bytes of WAL ever written. Some managed servers refuse it to everybody.
SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')

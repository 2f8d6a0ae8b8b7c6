-- Bytes of WAL that were ever written, or, on a standby, received. Some managed servers refuse it to everybody.
SELECT pg_catalog.pg_wal_lsn_diff(
         CASE WHEN pg_catalog.pg_is_in_recovery()
              THEN greatest(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
              ELSE pg_catalog.pg_current_wal_lsn() END, '0/0')::bigint AS wal_bytes,
       0::bigint AS epoch

-- The replication slot that holds back the most WAL, whether somebody reads it or not: its name and the bytes. No row where no slot does.
SELECT s.slot_name AS name,
       pg_catalog.pg_wal_lsn_diff(
         CASE WHEN pg_catalog.pg_is_in_recovery()
              THEN greatest(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
              ELSE pg_catalog.pg_current_wal_lsn() END, s.restart_lsn)::bigint AS bytes
FROM pg_catalog.pg_replication_slots s
WHERE s.restart_lsn IS NOT NULL AND s.wal_status IS DISTINCT FROM 'lost'
ORDER BY bytes DESC
LIMIT 1

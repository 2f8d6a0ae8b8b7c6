-- The end of the WAL, and of each replica that streams from here: its name, the lag that it reported, and up to where it has applied. One
-- row with no name where there is none. What receives WAL without applying it (pg_receivewal) is no replica.
SELECT pg_catalog.pg_wal_lsn_diff(w.lsn, '0/0')::bigint AS position,
       coalesce(nullif(r.application_name, ''), r.client_addr::text, r.pid::text) AS name,
       pg_catalog.pg_wal_lsn_diff(r.replay_lsn, '0/0')::bigint AS applied,
       extract(epoch FROM r.replay_lag) AS lag_seconds
FROM (SELECT CASE WHEN pg_catalog.pg_is_in_recovery()
                  THEN greatest(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
                  ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) AS w
LEFT JOIN pg_catalog.pg_stat_replication r ON r.state = 'streaming' AND r.replay_lsn IS NOT NULL

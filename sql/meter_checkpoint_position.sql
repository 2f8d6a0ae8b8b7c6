-- Where the last finished checkpoint lies in the WAL: it changes when one ends.
SELECT NULL::bigint AS count,
       pg_catalog.pg_wal_lsn_diff(c.checkpoint_lsn, '0/0')::bigint AS position
FROM pg_catalog.pg_control_checkpoint() c

-- Bytes of WAL that were generated since the last reset, as the statistics know it.
SELECT w.wal_bytes::bigint AS wal_bytes,
       (coalesce(extract(epoch FROM w.stats_reset), 0) * 1000000)::bigint AS epoch
FROM pg_catalog.pg_stat_wal w

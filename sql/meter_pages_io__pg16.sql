-- Pages of 8 KiB that all processes of the server read and wrote. Files that grow do not count until their pages are written. The epoch
-- changes with every reset and every start of the server.
SELECT (coalesce(sum(i.reads * i.op_bytes), 0) / 8192)::bigint AS pages_read,
       (coalesce(sum(i.writes * i.op_bytes), 0) / 8192)::bigint AS pages_written,
       NULL::bigint AS requests,
       CASE WHEN pg_catalog.current_setting('track_io_timing')::boolean THEN sum(i.read_time) / 1000 END AS read_seconds,
       ((coalesce(extract(epoch FROM max(i.stats_reset)), 0)
         + extract(epoch FROM pg_catalog.pg_postmaster_start_time())) * 1000000)::bigint AS epoch
FROM pg_catalog.pg_stat_io i

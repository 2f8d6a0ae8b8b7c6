-- Pages of 8 KiB of tables and indexes that all processes of the server read and wrote, and how many requests to the kernel that took,
-- with those for WAL: from 18 on, one request may be for several pages. Files that grow do not count until their pages are written. The
-- epoch changes with every reset and every start of the server.
SELECT (coalesce(sum(i.read_bytes) FILTER (WHERE i.object <> 'wal'), 0) / 8192)::bigint AS pages_read,
       (coalesce(sum(i.write_bytes) FILTER (WHERE i.object <> 'wal'), 0) / 8192)::bigint AS pages_written,
       (coalesce(sum(i.reads), 0) + coalesce(sum(i.writes), 0))::bigint AS requests,
       CASE WHEN pg_catalog.current_setting('track_io_timing')::boolean
            THEN sum(i.read_time) FILTER (WHERE i.object <> 'wal') / 1000 END AS read_seconds,
       ((coalesce(extract(epoch FROM max(i.stats_reset)), 0)
         + extract(epoch FROM pg_catalog.pg_postmaster_start_time())) * 1000000)::bigint AS epoch
FROM pg_catalog.pg_stat_io i

-- Pages of 8 KiB that all databases read; nothing of what is written. The epoch changes with every reset and every start of the server.
SELECT (sum(d.blks_read) * pg_catalog.current_setting('block_size')::bigint / 8192)::bigint AS pages_read,
       0::bigint AS pages_written,
       NULL::bigint AS requests,
       CASE WHEN pg_catalog.current_setting('track_io_timing')::boolean THEN sum(d.blk_read_time) / 1000 END AS read_seconds,
       ((coalesce(extract(epoch FROM max(d.stats_reset)), 0)
         + extract(epoch FROM pg_catalog.pg_postmaster_start_time())) * 1000000)::bigint AS epoch
FROM pg_catalog.pg_stat_database d

-- Pages of 8 KiB that all databases read, and that checkpoints, the background writer and backends wrote. A backend that extends a file
-- counts as one that reads and one that writes. The epoch changes with every reset and every start of the server.
SELECT (d.blocks_read * s.block_bytes / 8192)::bigint AS pages_read,
       ((b.buffers_checkpoint + b.buffers_clean + b.buffers_backend) * s.block_bytes / 8192)::bigint AS pages_written,
       NULL::bigint AS requests,
       CASE WHEN pg_catalog.current_setting('track_io_timing')::boolean THEN d.read_ms / 1000 END AS read_seconds,
       ((d.resets + coalesce(extract(epoch FROM b.stats_reset), 0)
         + extract(epoch FROM pg_catalog.pg_postmaster_start_time())) * 1000000)::bigint AS epoch
FROM (SELECT pg_catalog.current_setting('block_size')::bigint AS block_bytes) AS s,
     (SELECT sum(blks_read) AS blocks_read, sum(blk_read_time) AS read_ms,
             coalesce(extract(epoch FROM max(stats_reset)), 0) AS resets
      FROM pg_catalog.pg_stat_database) AS d,
     pg_catalog.pg_stat_bgwriter b

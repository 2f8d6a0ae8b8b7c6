-- Blocks ever read into shared buffers for this database.
SELECT d.blks_read FROM pg_catalog.pg_stat_database d WHERE d.datname = pg_catalog.current_database()

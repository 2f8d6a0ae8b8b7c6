-- What bounds a migration on this server: version, modes, room for locks and sessions. Connections are counted by their database,
-- which every role may see; so autovacuum workers count, too. reserved_connections came with version 16.
SELECT pg_catalog.current_setting('server_version_num') AS version,
       pg_catalog.current_setting('block_size') AS block_bytes,
       pg_catalog.pg_is_in_recovery() AS in_recovery,
       (SELECT s.reset_val = 'on' FROM pg_catalog.pg_settings s
        WHERE s.name = 'default_transaction_read_only') AS default_transaction_read_only,  -- Not what this session has SET.
       pg_catalog.current_setting('max_locks_per_transaction')::bigint
         * (pg_catalog.current_setting('max_connections')::bigint
            + pg_catalog.current_setting('max_prepared_transactions')::bigint) AS lock_count_max,
       pg_catalog.current_setting('max_connections') AS connection_count_max,
       pg_catalog.current_setting('superuser_reserved_connections')::bigint
         + coalesce(pg_catalog.current_setting('reserved_connections', true)::bigint, 0) AS connection_count_reserved,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid IS NOT NULL) AS connection_count_used

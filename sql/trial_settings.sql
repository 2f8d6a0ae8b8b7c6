-- What a trial must know of the server, sizes in bytes. `may_checkpoint`: from version 15 on members of pg_checkpoint may, too.
SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')) AS max_wal_bytes,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')) AS sorting_bytes,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('effective_cache_size')) AS cache_bytes,
       r.rolsuper
         OR coalesce((SELECT pg_catalog.pg_has_role(p.oid, 'USAGE') FROM pg_catalog.pg_roles p WHERE p.rolname = 'pg_checkpoint'),
                     false) AS may_checkpoint,
       EXISTS (SELECT FROM pg_catalog.pg_replication_slots s
               WHERE s.slot_type = 'logical' AND s.database = pg_catalog.current_database()) AS has_logical_slot,
       pg_catalog.current_setting('default_statistics_target')::int AS statistics_target
FROM pg_catalog.pg_roles r
WHERE r.rolname = current_user

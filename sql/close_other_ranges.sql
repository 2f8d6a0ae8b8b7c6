-- The same for the ranges ($2: how many there are) of a migration ($1) that have no batch yet: ledger_start finds an entry.
INSERT INTO pgsluice.batch_done (migration_id, range_id, up_to, complete, rows, bytes, checksum)
SELECT $1, range_id, NULL, true, 0, 0, 0
FROM pg_catalog.generate_series(0, $2::integer - 1) AS range_id
ON CONFLICT (migration_id, range_id) DO NOTHING

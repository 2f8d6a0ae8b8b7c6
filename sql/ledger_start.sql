-- The first batch of a range. Fails with division_by_zero (22012) when the range has an entry already, because somebody else was
-- first: the COMMIT that travels with it must not be reached.
-- $1 migration, $2 range, $3 up_to, $4 complete, $5 rows, $6 bytes, $7 checksum, $8 rows_summed, $9 rows_checked.
WITH started AS (
  INSERT INTO pgsluice.batch_done (migration_id, range_id, up_to, complete, rows, bytes, checksum, rows_summed, rows_checked)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
  ON CONFLICT (migration_id, range_id) DO NOTHING
  RETURNING range_id
)
SELECT 1 / pg_catalog.count(*) AS entries_started FROM started

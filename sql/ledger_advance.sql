-- A later batch of a range. Fails with division_by_zero (22012) when the entry does not stand where the mover believes it does
-- ($10): the COMMIT that travels with it must not be reached.
-- $1 migration, $2 range, $3 up_to, $4 complete, $5 rows, $6 bytes, $7 checksum, $8 rows_summed, $9 rows_checked,
-- $10 up_to before.
WITH advanced AS (
  UPDATE pgsluice.batch_done
  SET up_to = $3, complete = $4, rows = rows + $5, bytes = bytes + $6, checksum = checksum + $7,
      rows_summed = rows_summed + $8, rows_checked = rows_checked + $9,
      batches = batches + 1, last_batch_at = pg_catalog.clock_timestamp()
  WHERE migration_id = $1 AND range_id = $2 AND NOT complete AND up_to = $10::text[]
  RETURNING range_id
)
SELECT 1 / pg_catalog.count(*) AS entries_advanced FROM advanced

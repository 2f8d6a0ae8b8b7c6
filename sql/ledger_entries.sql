-- What is done of a migration ($1), of all ranges or of one ($2, NULL for all).
SELECT range_id, up_to, complete, rows, bytes, checksum, rows_summed, rows_checked
FROM pgsluice.batch_done
WHERE migration_id = $1 AND ($2::integer IS NULL OR range_id = $2::integer)
ORDER BY range_id

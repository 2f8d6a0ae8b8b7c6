-- A batch of a rollback of migration $1 was moved back: $2 rows, the sum $3 of their hashes.
UPDATE pgsluice.migration SET rows_back = rows_back + $2, checksum_back = checksum_back + $3 WHERE id = $1

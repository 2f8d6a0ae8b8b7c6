-- What a rollback of migration $1 has moved back.
SELECT rows_back AS rows, checksum_back AS checksum FROM pgsluice.migration WHERE id = $1

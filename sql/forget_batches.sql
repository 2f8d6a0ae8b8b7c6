-- Removes what the ledger holds of a migration ($1): its ranges.
DELETE FROM pgsluice.batch_done WHERE migration_id = $1

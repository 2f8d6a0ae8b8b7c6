-- Removes what the ledger holds of a migration ($1): its row.
DELETE FROM pgsluice.migration WHERE id = $1

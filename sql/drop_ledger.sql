-- Removes the ledger. Without CASCADE: anything unexpected in the schema stops it.
DROP TABLE pgsluice.batch_done;
DROP TABLE pgsluice.migration;
DROP SCHEMA pgsluice

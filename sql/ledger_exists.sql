-- Whether the ledger's tables are there.
SELECT pg_catalog.to_regclass('pgsluice.batch_done') IS NOT NULL

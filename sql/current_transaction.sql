-- The id of the transaction that is open, which gets one by this.
SELECT pg_catalog.pg_current_xact_id()

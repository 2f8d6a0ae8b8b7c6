-- The id of the transaction that is open, which gets one by this, and the identity of a table ($1, as regclass text).
SELECT pg_catalog.pg_current_xact_id(), $1::pg_catalog.regclass::pg_catalog.oid

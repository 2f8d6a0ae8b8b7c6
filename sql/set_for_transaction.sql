-- A setting ($1) of this transaction: $2.
SELECT pg_catalog.set_config($1, $2, true)

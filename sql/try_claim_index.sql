-- Claims the making of an index ($2, its quoted name) of a migration ($1) for this transaction, if nobody holds it.
SELECT pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtext($1 || ' index'), pg_catalog.hashtext($2))

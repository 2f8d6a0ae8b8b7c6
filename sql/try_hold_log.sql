-- Takes the log of a migration ($1) for this transaction alone, if nobody applies it now.
SELECT pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtext($1), -2)

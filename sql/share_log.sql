-- Keeps off, until release_log, whoever would have the log of a migration ($1) for itself. To be taken before a transaction's snapshot.
SELECT pg_catalog.pg_advisory_lock_shared(pg_catalog.hashtext($1), -2)

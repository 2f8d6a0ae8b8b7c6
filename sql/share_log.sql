-- Holds off, for as long as this session lives, whoever would reduce the log of a migration ($1).
SELECT pg_catalog.pg_advisory_lock_shared(pg_catalog.hashtext($1), -2)

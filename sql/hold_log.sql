-- Takes the log of a migration ($1) for this session alone, until release_log; waits for who applies it now.
SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtext($1), -2)

-- Claims a range ($2; -1 for everything that is no range) of a migration ($1) for this session, if nobody holds it.
SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtext($1), $2)

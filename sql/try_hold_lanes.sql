-- Takes lanes ($2) of the log of a migration ($1) for this transaction alone, if nobody applies them now.
SELECT pg_catalog.bool_and(pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtext($1), -10 - u.lane))
FROM pg_catalog.unnest($2::integer[]) AS u (lane)

-- Ends what hold_lanes took of a migration ($1): lanes ($2).
SELECT pg_catalog.pg_advisory_unlock(pg_catalog.hashtext($1), -10 - u.lane) FROM pg_catalog.unnest($2::integer[]) AS u (lane)

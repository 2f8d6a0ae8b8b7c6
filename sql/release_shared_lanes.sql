-- Ends what share_lanes took of a migration ($1): lanes ($2) and a range ($3).
SELECT pg_catalog.pg_advisory_unlock_shared(pg_catalog.hashtext($1), -10 - u.lane) FROM pg_catalog.unnest($2::integer[]) AS u (lane)
UNION ALL
SELECT pg_catalog.pg_advisory_unlock(pg_catalog.hashtext($1), $3::integer)

-- Keeps off, until release_lanes, whoever would have one of these lanes ($2) of the log of a migration ($1) for itself; and takes a range
-- ($3) for this session alone. To be asked for before a transaction takes its snapshot.
SELECT pg_catalog.pg_advisory_lock_shared(pg_catalog.hashtext($1), -10 - o.lane)
FROM (SELECT u.lane FROM pg_catalog.unnest($2::integer[]) AS u (lane) ORDER BY u.lane) AS o
UNION ALL
SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtext($1), $3::integer)

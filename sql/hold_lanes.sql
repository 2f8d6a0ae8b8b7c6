-- Takes lanes ($2) of the log of a migration ($1) for this session alone, until release_lanes; waits for who has them. To be asked for
-- before a transaction takes its snapshot. In one order, so that two sessions do not wait for each other.
SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtext($1), -10 - o.lane)
FROM (SELECT u.lane FROM pg_catalog.unnest($2::integer[]) AS u (lane) ORDER BY u.lane) AS o

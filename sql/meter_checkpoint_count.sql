-- How many checkpoints there were; one is counted while it runs.
SELECT b.checkpoints_timed + b.checkpoints_req AS count, NULL::bigint AS position FROM pg_catalog.pg_stat_bgwriter b

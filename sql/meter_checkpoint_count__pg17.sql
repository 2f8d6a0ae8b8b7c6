-- How many checkpoints there were; one is counted while it runs.
SELECT c.num_timed + c.num_requested AS count, NULL::bigint AS position FROM pg_catalog.pg_stat_checkpointer c

-- How many checkpoints have ended.
SELECT c.num_done AS count, NULL::bigint AS position FROM pg_catalog.pg_stat_checkpointer c

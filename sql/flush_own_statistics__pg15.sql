-- Makes this session tell its statistics as soon as it is idle outside a transaction, instead of up to ten seconds later.
SELECT pg_catalog.pg_stat_force_next_flush()

-- How many rows of a table ($1) were updated or deleted for each scan of it or of one of its indexes, since its counters began; null
-- where nothing was counted. Scans that only read make it smaller.
SELECT (n_tup_upd + n_tup_del)::float8 / nullif(coalesce(seq_scan, 0) + coalesce(idx_scan, 0), 0)
FROM pg_catalog.pg_stat_user_tables
WHERE relid = $1::oid

-- What this transaction's building of an index ($2, a quoted name) on a table ($1) touched: pages of the table that were not in
-- memory, and pages of the index.
SELECT pg_catalog.pg_stat_get_xact_blocks_fetched($1::regclass) - pg_catalog.pg_stat_get_xact_blocks_hit($1::regclass),
       pg_catalog.pg_relation_size($2::regclass) / pg_catalog.current_setting('block_size')::bigint

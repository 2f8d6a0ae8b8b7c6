-- How many blocks the heap of a table ($1, regclass text) has now.
SELECT pg_catalog.pg_relation_size($1::pg_catalog.regclass) / pg_catalog.current_setting('block_size')::bigint

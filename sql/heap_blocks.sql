-- The number of blocks of a table's own file. $1: the table as regclass text.
SELECT pg_catalog.pg_relation_size($1::pg_catalog.regclass) / pg_catalog.current_setting('block_size')::bigint

-- Bytes of a partitioned table ($1, quoted) with all its partitions: heap and TOAST, and indexes.
SELECT coalesce(sum(pg_catalog.pg_table_size(t.relid)), 0)::bigint AS table_bytes,
       coalesce(sum(pg_catalog.pg_indexes_size(t.relid)), 0)::bigint AS index_bytes
FROM pg_catalog.pg_partition_tree($1::pg_catalog.regclass) t
WHERE t.isleaf

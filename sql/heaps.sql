-- The heaps that hold the rows of a table ($1, as regclass text): its own, or those of its leaves, with their length in blocks.
-- file_node changes when a heap is written anew.
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS heap,
       pg_catalog.pg_relation_filenode(c.oid) AS file_node,
       pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint AS block_count
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (c.oid = $1::pg_catalog.regclass AND c.relkind <> 'p')
   OR c.oid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.regclass) t WHERE t.isleaf)
ORDER BY c.oid

-- What a row of each of the partitions $1 (quoted names) must satisfy, as an expression over its columns, ancestors' bounds included.
-- NULL where that is nothing: a DEFAULT partition that stands alone.
SELECT pg_get_partition_constraintdef(leaf.name::regclass)
FROM unnest($1::text[]) WITH ORDINALITY AS leaf (name, position)
ORDER BY leaf.position

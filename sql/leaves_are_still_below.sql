-- True if each of the tables $2 (quoted names) is a partition, at some depth, of the table $1. pg_partition_root() looks at the
-- catalogue as it is now, not at the transaction's snapshot.
SELECT coalesce(bool_and(coalesce(pg_partition_root(leaf.name::regclass) = $1::regclass, false)), true)
FROM unnest($2::text[]) AS leaf (name)

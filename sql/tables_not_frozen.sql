-- Which of these tables ($1 schemas, $2 names, in step; positions from 1) may hold rows of transactions before $3 that their last
-- vacuum could not freeze, since somebody might not see them yet. Either sign alone clears a table: all of its pages are visible to
-- all (pages that were added but never used are not), or its oldest transaction is a later one (when VACUUM ran beside a transaction
-- that has nothing to do with it, it is not).
SELECT w.position
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (schema, name, position)
JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
WHERE pg_catalog.pg_relation_size(c.oid) > 0
  AND c.relallvisible < greatest(c.relpages, 1)  -- No pages are known of one that was never vacuumed.
  AND pg_catalog.age(c.relfrozenxid) > pg_catalog.age($3::xid)
ORDER BY w.position

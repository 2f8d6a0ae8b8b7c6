-- One text for the definitions of two tables ($1, $2, as regclass text): columns, constraints, partitions, privileges, row security. It
-- changes when one of them does.
WITH tables AS (
  SELECT t.oid FROM pg_catalog.unnest(ARRAY[pg_catalog.to_regclass($1), pg_catalog.to_regclass($2)]) AS t (oid)
), parts (part) AS (
  SELECT pg_catalog.format('column %s %s %I %s %s %s %s %s %s', a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation,
                           a.attnotnull, a.attisdropped, a.attacl)
  FROM pg_catalog.pg_attribute a
  WHERE a.attrelid IN (SELECT oid FROM tables) AND a.attnum > 0
  UNION ALL
  SELECT pg_catalog.format('default %s %s %s', d.adrelid, d.adnum, pg_catalog.md5(d.adbin::text))
  FROM pg_catalog.pg_attrdef d
  WHERE d.adrelid IN (SELECT oid FROM tables)
  UNION ALL
  SELECT pg_catalog.format('table %s %s %s %s %s', c.oid, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity)
  FROM pg_catalog.pg_class c
  WHERE c.oid IN (SELECT oid FROM tables)
  UNION ALL
  SELECT pg_catalog.format('policy %s %s %s', p.oid, p.polpermissive, p.polroles)
  FROM pg_catalog.pg_policy p
  WHERE p.polrelid IN (SELECT oid FROM tables)
  UNION ALL
  SELECT pg_catalog.format('constraint %s %s', c.oid, c.convalidated)
  FROM pg_catalog.pg_constraint c
  WHERE c.conrelid IN (SELECT oid FROM tables)
  UNION ALL
  SELECT pg_catalog.format('partition %s', p.relid::pg_catalog.oid)
  FROM tables CROSS JOIN LATERAL pg_catalog.pg_partition_tree(tables.oid) AS p
)
SELECT pg_catalog.md5(pg_catalog.string_agg(part, ',' ORDER BY part)) FROM parts

-- The columns of a table ($1) whose names are in $2, with the type that a log of their values needs: that below a domain, and without a
-- length, so that it takes every value that the column takes, took, or will take when it is made longer.
WITH RECURSIVE below AS (
  SELECT a.attname, a.attnum, a.attcollation, a.attnotnull, a.atttypid AS type
  FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = $1::oid AND a.attname = ANY ($2::text[]) AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT b.attname, b.attnum, b.attcollation, b.attnotnull, t.typbasetype
  FROM below b
  JOIN pg_catalog.pg_type t ON t.oid = b.type
  WHERE t.typtype = 'd'
)
SELECT b.attname AS name,
       pg_catalog.format_type(b.type, -1) AS type,
       b.attnotnull AS not_null,
       b.type >= 16384 AS has_own_equality,
       CASE WHEN b.attcollation <> t.typcollation AND b.attcollation <> 0
            THEN (SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.collname)
                  FROM pg_catalog.pg_collation c
                  JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
                  WHERE c.oid = b.attcollation)
            ELSE '' END AS collation
FROM below b
JOIN pg_catalog.pg_type t ON t.oid = b.type
WHERE t.typtype <> 'd'

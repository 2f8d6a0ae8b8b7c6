-- What partitioning by a column needs to know of it. $1: the table's oid, $2: the column's attribute number.
--   base_type     name in pg_catalog of the type under all domains ("timestamptz"); another schema's type has its schema before it
--   is_domain     the column's own type is a domain
--   modifier      the type modifier in force, also a domain's; -1 for none
--   has_order     PostgreSQL can order the type, and all parts of it: RANGE and LIST are possible
--   has_hash      ... and hash it: HASH is possible
--   index_leads   a btree index begins with the column, in its own order and collation, and covers every row
-- Locks: none beyond the catalogues' own.
WITH RECURSIVE base AS (
  SELECT a.atttypid AS oid, a.atttypmod AS modifier, a.attcollation AS collation
  FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = $1::pg_catalog.oid AND a.attnum = $2::pg_catalog.int2
  UNION ALL
  SELECT t.typbasetype, CASE WHEN b.modifier = -1 THEN t.typtypmod ELSE b.modifier END, b.collation
  FROM base b
  JOIN pg_catalog.pg_type t ON t.oid = b.oid
  WHERE t.typtype = 'd'
),
bottom AS (
  SELECT b.oid, b.modifier, b.collation, t.typname, n.nspname
  FROM base b
  JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
),
parts AS (
  SELECT oid FROM bottom
  UNION
  SELECT x.oid
  FROM parts p
  JOIN pg_catalog.pg_type t ON t.oid = p.oid
  CROSS JOIN LATERAL (
    SELECT t.typelem WHERE t.typcategory = 'A' AND t.typlen = -1 AND t.typelem <> 0
    UNION ALL
    SELECT t.typbasetype WHERE t.typtype = 'd'
    UNION ALL
    SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid
    UNION ALL
    SELECT a.atttypid
    FROM pg_catalog.pg_attribute a
    WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
  ) AS x (oid)
),
served AS (
  SELECT am.amname, p.oid
  FROM parts p
  JOIN pg_catalog.pg_type t ON t.oid = p.oid
  JOIN pg_catalog.pg_opclass c ON c.opcdefault
  JOIN pg_catalog.pg_am am ON am.oid = c.opcmethod
  JOIN pg_catalog.pg_type served ON served.oid = c.opcintype
  WHERE c.opcintype = t.oid
     OR (served.typname = 'anyenum' AND t.typtype = 'e')
     OR (served.typname = 'anyarray' AND t.typcategory = 'A')
     OR (served.typname = 'record' AND t.typtype = 'c')
     OR (served.typname = 'anyrange' AND t.typtype = 'r')
     OR (served.typname = 'anymultirange' AND t.typtype = 'm')
     OR EXISTS (SELECT FROM pg_catalog.pg_cast k
                WHERE k.castsource = t.oid AND k.casttarget = c.opcintype
                  AND k.castmethod = 'b' AND k.castcontext = 'i')
)
SELECT CASE WHEN b.nspname = 'pg_catalog' THEN b.typname::text ELSE b.nspname || '.' || b.typname END AS base_type,
       b.oid <> (SELECT a.atttypid FROM pg_catalog.pg_attribute a
                 WHERE a.attrelid = $1::pg_catalog.oid AND a.attnum = $2::pg_catalog.int2) AS is_domain,
       b.modifier,
       NOT EXISTS (SELECT FROM parts p JOIN pg_catalog.pg_type t ON t.oid = p.oid
                   WHERE t.typtype <> 'd'
                     AND NOT EXISTS (SELECT FROM served s WHERE s.amname = 'btree' AND s.oid = p.oid)) AS has_order,
       NOT EXISTS (SELECT FROM parts p JOIN pg_catalog.pg_type t ON t.oid = p.oid
                   WHERE t.typtype <> 'd'
                     AND NOT EXISTS (SELECT FROM served s WHERE s.amname = 'hash' AND s.oid = p.oid)) AS has_hash,
       EXISTS (SELECT
               FROM pg_catalog.pg_index i
               JOIN pg_catalog.pg_class k ON k.oid = i.indexrelid
               JOIN pg_catalog.pg_am am ON am.oid = k.relam AND am.amname = 'btree'
               JOIN pg_catalog.pg_opclass c ON c.oid = i.indclass[0] AND c.opcdefault
               WHERE i.indrelid = $1::pg_catalog.oid
                 AND i.indisvalid
                 AND i.indpred IS NULL
                 AND i.indkey[0] = $2::pg_catalog.int2
                 AND i.indcollation[0] = b.collation
                 AND i.indoption[0] IN (0, 3)) AS index_leads
FROM bottom b

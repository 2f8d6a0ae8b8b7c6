-- The live columns of the table ($1). The types inside a column's type (of a domain, an array, a composite, a range) decide with it
-- whether a value has a binary form, and whether that form means the same in another database: array_recv and record_recv compare
-- OIDs, and the reg* types are sent as OIDs. Options that begin with pg_ are the server's own notes (15.20 keeps a version there).
-- int2vector and oidvector have a receive function that refuses what their send function makes of an empty one.
-- to_jsonb reads a column that older servers do not have. An identity's own sequence comes before one that was only given to the
-- column.
WITH RECURSIVE inner_type (number, type, is_part_of_container) AS (
    SELECT a.attnum, a.atttypid, false
    FROM pg_attribute a
    WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
  UNION
    SELECT i.number, part.type, part.is_part_of_container
    FROM inner_type i
    JOIN pg_type t ON t.oid = i.type
    CROSS JOIN LATERAL (
        SELECT t.typbasetype, false WHERE t.typtype = 'd'
      UNION ALL
        SELECT t.typelem, true WHERE t.typelem <> 0 AND t.typlen = -1
      UNION ALL
        SELECT p.atttypid, true FROM pg_attribute p
        WHERE t.typtype = 'c' AND p.attrelid = t.typrelid AND p.attnum > 0 AND NOT p.attisdropped
      UNION ALL
        SELECT r.rngsubtype, false FROM pg_range r
        WHERE r.rngtypid = t.oid OR to_jsonb(r) ->> 'rngmultitypid' = t.oid::text
    ) AS part (type, is_part_of_container)
), binary_form AS (
    SELECT i.number,
           bool_and(t.typsend <> 0 AND t.typreceive <> 0
                    AND t.oid NOT IN ('int2vector'::regtype, 'oidvector'::regtype)) AS exists,
           bool_and(NOT (t.typnamespace = 'pg_catalog'::regnamespace AND t.typname ~ '^reg')
                    AND NOT (i.is_part_of_container AND t.oid >= 16384)) AS is_portable
    FROM inner_type i
    JOIN pg_type t ON t.oid = i.type
    GROUP BY i.number
)
SELECT a.attnum AS attribute_number,
       a.attname AS name,
       format_type(a.atttypid, a.atttypmod) AS type,
       a.atttypid AS type_oid,
       b.exists AS has_binary_form,
       b.is_portable AS binary_form_is_portable,
       (SELECT format('%I.%I', n.nspname, c.collname)
        FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
        WHERE c.oid = a.attcollation AND a.attcollation <> t.typcollation) AS collation,
       a.attnotnull AS not_null,
       NOT EXISTS (SELECT FROM pg_constraint k
                   WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum] AND NOT k.convalidated)
         AS not_null_is_valid,
       pg_get_expr(d.adbin, d.adrelid) AS default_expression,
       a.attgenerated AS generated,
       a.attidentity AS identity,
       s.schema AS sequence_schema,
       s.name AS sequence_name,
       CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END AS storage,
       to_jsonb(a) ->> 'attcompression' AS compression,
       nullif(a.attstattarget, -1) AS statistics_target,
       ARRAY(SELECT o.option FROM unnest(a.attoptions) WITH ORDINALITY AS o (option, position)
             WHERE o.option !~ '^pg_'
             ORDER BY o.position) AS options,
       col_description(a.attrelid, a.attnum) AS comment
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
JOIN binary_form b ON b.number = a.attnum
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN LATERAL (
    SELECT n.nspname AS schema, c.relname AS name
    FROM pg_depend o
    JOIN pg_class c ON c.oid = o.objid AND c.relkind = 'S'
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass
      AND o.refobjid = a.attrelid AND o.refobjsubid = a.attnum AND o.deptype IN ('a', 'i')
    ORDER BY o.deptype DESC, c.oid
    LIMIT 1
) AS s ON true
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum

-- What must be known of the table $1 and of all partitions below it to route rows on the client, parents before children. Arrays are
-- by key column: key_columns has an empty text for an expression; key_types is the type that the operator class works on, key_bases
-- what the column's type is once domains are taken off it, both by OID; key_declared is the type as a person writes it;
-- key_type_names what it is as SQL text; key_column_collations is the column's own collation as SQL text, or empty;
-- key_class_is_default tells the server's own default operator classes; key_collations is "none", "bytes" (its order is that of the
-- bytes), "deterministic" or "other". to_jsonb reads columns that older servers do not have.
WITH RECURSIVE tree (oid, parent, level) AS (
    SELECT $1::regclass::oid, 0::oid, 0
  UNION ALL
    SELECT i.inhrelid, i.inhparent, t.level + 1
    FROM tree t
    JOIN pg_inherits i ON i.inhparent = t.oid
    WHERE NOT coalesce((to_jsonb(i) ->> 'inhdetachpending')::boolean, false)
), key_column AS (
    SELECT t.oid, k.position, a.attname, a.atttypid, a.atttypmod, o.opcintype,
           (SELECT format('%I.%I', n.nspname, y.typname)
            FROM pg_type y JOIN pg_namespace n ON n.oid = y.typnamespace WHERE y.oid = a.atttypid) AS type_name,
           (SELECT format('%I.%I', n.nspname, x.collname)
            FROM pg_collation x JOIN pg_namespace n ON n.oid = x.collnamespace WHERE x.oid = a.attcollation) AS column_collation,
           o.opcdefault AND o.opcnamespace = 'pg_catalog'::regnamespace AS is_default,
           CASE WHEN k.collated = 0 THEN 'none'
                WHEN NOT coalesce((to_jsonb(l) ->> 'collisdeterministic')::boolean, true) THEN 'other'
                WHEN k.collated IN ('pg_catalog."C"'::regcollation, 'pg_catalog."POSIX"'::regcollation) THEN 'bytes'
                WHEN l.collprovider = 'c' AND l.collcollate IN ('C', 'POSIX') THEN 'bytes'
                WHEN l.collprovider = 'd' AND d.datcollate IN ('C', 'POSIX')
                     AND coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' THEN 'bytes'
                ELSE 'deterministic'
           END AS collation
    FROM tree t
    JOIN pg_partitioned_table p ON p.partrelid = t.oid
    JOIN pg_database d ON d.datname = current_database()
    CROSS JOIN LATERAL unnest(p.partattrs::int2[], p.partclass::oid[], p.partcollation::oid[])
        WITH ORDINALITY AS k (number, class, collated, position)
    JOIN pg_opclass o ON o.oid = k.class
    LEFT JOIN pg_collation l ON l.oid = k.collated
    LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number AND k.number <> 0
), key_base (oid, position, type) AS (
    SELECT k.oid, k.position, k.atttypid FROM key_column k WHERE k.atttypid IS NOT NULL
  UNION ALL
    SELECT b.oid, b.position, t.typbasetype
    FROM key_base b JOIN pg_type t ON t.oid = b.type AND t.typtype = 'd'
), key_of_table AS (
    SELECT k.oid,
           array_agg(coalesce(k.attname::text, '') ORDER BY k.position) AS columns,
           array_agg(k.opcintype::text ORDER BY k.position) AS types,
           array_agg(coalesce(b.type::text, '') ORDER BY k.position) AS bases,
           array_agg(coalesce(format_type(k.atttypid, k.atttypmod), '') ORDER BY k.position) AS declared,
           array_agg(coalesce(k.type_name, '') ORDER BY k.position) AS type_names,
           array_agg(coalesce(k.column_collation, '') ORDER BY k.position) AS column_collations,
           array_agg(k.is_default::text ORDER BY k.position) AS class_is_default,
           array_agg(k.collation ORDER BY k.position) AS collations
    FROM key_column k
    LEFT JOIN (SELECT b.oid, b.position, b.type FROM key_base b JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd') AS b
           ON b.oid = k.oid AND b.position = k.position
    GROUP BY k.oid
)
SELECT t.oid,
       t.parent,
       c.relkind AS kind,
       -- Always quoted, as a client's library does it, so that names can be compared there.
       format('"%s"."%s"', replace(n.nspname, '"', '""'), replace(c.relname, '"', '""')) AS name,
       pg_get_expr(c.relpartbound, c.oid) AS bound,
       p.partstrat AS strategy,
       k.columns AS key_columns,
       k.types AS key_types,
       k.bases AS key_bases,
       k.declared AS key_declared,
       k.type_names AS key_type_names,
       k.column_collations AS key_column_collations,
       k.class_is_default AS key_class_is_default,
       k.collations AS key_collations,
       has_table_privilege(c.oid, 'INSERT') AS may_insert,
       row_security_active(c.oid) AS has_row_security,
       EXISTS (SELECT FROM pg_trigger g
               WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D'
                 AND g.tgtype & 4 <> 0 AND g.tgtype & 1 = 0) AS has_statement_trigger,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
             ORDER BY a.attnum) AS columns,
       (SELECT pg_encoding_to_char(d.encoding) FROM pg_database d WHERE d.datname = current_database()) AS encoding
FROM tree t
JOIN pg_class c ON c.oid = t.oid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_partitioned_table p ON p.partrelid = c.oid
LEFT JOIN key_of_table k ON k.oid = c.oid
ORDER BY t.level, c.oid

-- The tree of partitions below the table $1, parents before children; DEFAULT is the last child. A partition that is being detached
-- takes no more rows and is left out; to_jsonb reads that column where the server has it.
WITH RECURSIVE tree (oid, parent, level) AS (
    SELECT $1::oid, 0::oid, 0
  UNION ALL
    SELECT i.inhrelid, i.inhparent, t.level + 1
    FROM tree t
    JOIN pg_inherits i ON i.inhparent = t.oid
    WHERE NOT coalesce((to_jsonb(i) ->> 'inhdetachpending')::boolean, false)
)
SELECT t.oid,
       t.parent,
       n.nspname AS schema,
       c.relname AS name,
       c.relkind AS kind,
       pg_get_expr(c.relpartbound, c.oid) AS bound,
       p.partstrat AS strategy,
       pg_get_partkeydef(c.oid) AS key_definition,
       ARRAY(SELECT coalesce(a.attname::text, '')
             FROM unnest(p.partattrs::int2[]) WITH ORDINALITY AS k (number, position)
             LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number AND k.number <> 0
             ORDER BY k.position) AS key_columns
FROM tree t
JOIN pg_class c ON c.oid = t.oid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_partitioned_table p ON p.partrelid = c.oid
ORDER BY t.level, coalesce(pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT', false), length(c.relname), c.relname COLLATE "C"

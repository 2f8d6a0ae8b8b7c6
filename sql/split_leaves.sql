-- Partitions by name ($1 schemas, $2 names, in step) as far as they are there, in that order: the table each is a partition of (0:
-- none), its bound, what every row of it satisfies, and whether this role may alter it.
SELECT w.position::int AS position,
       c.oid,
       coalesce(i.inhparent, 0::oid) AS parent_oid,
       coalesce(pg_get_expr(c.relpartbound, c.oid), '') AS bound,
       coalesce(pg_get_partition_constraintdef(c.oid), '') AS constraint_text,
       coalesce(obj_description(c.oid, 'pg_class'), '') AS comment,
       pg_has_role(c.relowner, 'USAGE') AS is_owned
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (schema, name, position)
JOIN pg_namespace n ON n.nspname = w.schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND c.relispartition
ORDER BY w.position

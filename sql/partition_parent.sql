-- The table whose partition the table $1 (its oid) is, and what the partition has from it. No row where it is none. `key_is_plain`: the
-- key is of columns, each with its type's default operator class and its own collation. `lacks_index`: an index of the parent without
-- one of the partition attached to it. `is_pending`: it is being detached.
SELECT p.oid,
       n.nspname AS schema,
       p.relname AS name,
       pg_has_role(p.relowner, 'USAGE') AS is_owned,
       p.relispartition AS is_partition,
       k.partstrat AS strategy,
       ARRAY(SELECT coalesce(a.attname::text, '')
             FROM unnest(k.partattrs::int2[]) WITH ORDINALITY AS t (number, position)
             LEFT JOIN pg_attribute a ON a.attrelid = p.oid AND a.attnum = t.number AND t.number <> 0
             ORDER BY t.position) AS key_columns,
       (SELECT bool_and(t.number <> 0 AND o.opcdefault AND coalesce(k.partcollation[t.position - 1] = a.attcollation, false))
        FROM unnest(k.partattrs::int2[]) WITH ORDINALITY AS t (number, position)
        LEFT JOIN pg_attribute a ON a.attrelid = p.oid AND a.attnum = t.number AND t.number <> 0
        LEFT JOIN pg_opclass o ON o.oid = k.partclass[t.position - 1]) AS key_is_plain,
       EXISTS (SELECT FROM unnest(k.partcollation::oid[]) AS t (collation_oid) WHERE t.collation_oid <> 0) AS key_is_collated,
       pg_get_expr(c.relpartbound, c.oid) AS bound,
       coalesce(pg_get_partition_constraintdef(c.oid), '') AS constraint_text,
       coalesce((to_jsonb(i) ->> 'inhdetachpending')::boolean, false) AS is_pending,
       dn.nspname AS default_schema,
       d.relname AS default_name,
       coalesce(pg_has_role(d.relowner, 'USAGE'), true) AS default_is_owned,
       coalesce(d.relkind, 'r') AS default_kind,
       ARRAY(SELECT o.inhrelid::bigint FROM pg_inherits o
             WHERE o.inhparent = p.oid AND o.inhrelid <> c.oid ORDER BY o.inhrelid) AS others,
       ARRAY(SELECT t.tgname::text FROM pg_trigger t
             LEFT JOIN pg_constraint own ON own.oid = t.tgconstraint
             WHERE t.tgrelid = c.oid AND t.tgparentid <> 0 AND coalesce(own.contype, 't') = 't' ORDER BY t.tgname) AS inherited_triggers,
       ARRAY(SELECT f.conname::text FROM pg_constraint f JOIN pg_constraint above ON above.oid = f.conparentid
             WHERE f.conrelid = c.oid AND f.contype = 'f' AND above.conrelid = p.oid ORDER BY f.conname) AS inherited_foreign_keys,
       ARRAY(SELECT f.conname::text FROM pg_constraint f
             WHERE f.contype = 'f' AND f.confrelid = p.oid AND f.conparentid = 0 ORDER BY f.conname) AS incoming_keys,
       ARRAY(SELECT b.pubname::text FROM pg_publication_rel r JOIN pg_publication b ON b.oid = r.prpubid
             WHERE r.prrelid = p.oid AND NOT b.pubviaroot ORDER BY b.pubname) AS leafwise_publications,
       (SELECT min(x.relname)::text
        FROM pg_index u JOIN pg_class x ON x.oid = u.indexrelid
        WHERE u.indrelid = p.oid
          AND NOT EXISTS (SELECT FROM pg_inherits h JOIN pg_index own ON own.indexrelid = h.inhrelid
                          WHERE h.inhparent = u.indexrelid AND own.indrelid = c.oid)) AS lacks_index
FROM pg_class c
JOIN pg_inherits i ON i.inhrelid = c.oid
JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'p'
JOIN pg_namespace n ON n.oid = p.relnamespace
JOIN pg_partitioned_table k ON k.partrelid = p.oid
LEFT JOIN pg_class d ON d.oid = k.partdefid AND d.oid <> c.oid
LEFT JOIN pg_namespace dn ON dn.oid = d.relnamespace
WHERE c.oid = $1::oid AND c.relispartition

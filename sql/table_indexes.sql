-- The indexes of the table ($1), the primary key first. `body` is the definition after "USING "; it is null where the definition does
-- not begin as expected. to_jsonb reads a column that older servers do not have.
SELECT c.relname AS name,
       i.indisprimary AS is_primary,
       i.indisunique AS is_unique,
       coalesce(k.contype IN ('p', 'u'), false) AS is_constraint,
       i.indisvalid AND i.indisready AND i.indislive AS is_valid,
       i.indisexclusion AS is_exclusion,
       i.indpred IS NOT NULL AS is_partial,
       i.indexprs IS NOT NULL AS has_expressions,
       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_not_distinct,
       coalesce(k.condeferrable, false) AS deferrable,
       coalesce(k.condeferred, false) AS initially_deferred,
       i.indisreplident AS is_replica_identity,
       i.indisclustered AS is_clustered,
       m.amname = 'btree' AND parts.default_order AS default_order,
       parts.key_columns,
       parts.included_columns,
       m.amname AS access_method,
       (SELECT substr(text.definition, length(prefix.text) + 1)
        FROM unnest(ARRAY[format('%I.%I', n.nspname, r.relname), format('pg_temp.%I', r.relname), format('%I', r.relname)])
               AS place (name)
        CROSS JOIN LATERAL (SELECT text.head || place.name || ' USING ' AS text) AS prefix
        WHERE starts_with(text.definition, prefix.text)
        LIMIT 1) AS body,
       c.reloptions,
       (SELECT s.spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace) AS tablespace,
       coalesce(obj_description(k.oid, 'pg_constraint'), obj_description(c.oid, 'pg_class')) AS comment,
       CASE WHEN c.relkind = 'I'
            THEN (SELECT coalesce(sum(pg_relation_size(t.relid)), 0)::bigint FROM pg_partition_tree(c.oid) t WHERE t.isleaf)
            ELSE coalesce(pg_relation_size(c.oid), 0)
       END AS bytes
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class r ON r.oid = i.indrelid
JOIN pg_namespace n ON n.oid = r.relnamespace
JOIN pg_am m ON m.oid = c.relam
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(coalesce(a.attname::text, '') ORDER BY p.position)
                      FILTER (WHERE p.position <= i.indnkeyatts), '{}') AS key_columns,
           coalesce(array_agg(a.attname::text ORDER BY p.position)
                      FILTER (WHERE p.position > i.indnkeyatts), '{}') AS included_columns,
           coalesce(bool_and(p.number <> 0 AND o.opcdefault AND i.indoption[p.position - 1] = 0
                             AND i.indcollation[p.position - 1] = a.attcollation)
                      FILTER (WHERE p.position <= i.indnkeyatts), false) AS default_order
    FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS p (number, position)
    LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = p.number AND p.number <> 0
    LEFT JOIN pg_opclass o ON p.position <= i.indnkeyatts AND o.oid = i.indclass[p.position - 1]
) AS parts
CROSS JOIN LATERAL (
    SELECT pg_get_indexdef(i.indexrelid) AS definition,
           'CREATE ' || CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END || 'INDEX ' || quote_ident(c.relname) || ' ON '
             || CASE WHEN c.relkind = 'I' THEN 'ONLY ' ELSE '' END AS head
) AS text
WHERE i.indrelid = $1::oid
ORDER BY i.indisprimary DESC, c.relname COLLATE "C"

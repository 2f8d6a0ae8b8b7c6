-- The triggers of the table ($1) that somebody made: neither the server's own nor ours. The definition is cut at the table's name
-- by composing what stands before it, since names may contain " ON "; after_table is null where that does not fit.
SELECT t.tgname AS name,
       head.text AS before_table,
       (SELECT substr(whole.definition, length(prefix.text) + 1)
        FROM unnest(ARRAY[format('%I.%I', n.nspname, c.relname), format('pg_temp.%I', c.relname), format('%I', c.relname)])
               AS place (name)
        CROSS JOIN LATERAL (SELECT head.text || ' ON ' || place.name || ' ' AS text) AS prefix
        WHERE starts_with(whole.definition, prefix.text)
        LIMIT 1) AS after_table,
       t.tgenabled AS enabled,
       t.tgtype & 4 <> 0 AS on_insert,
       t.tgtype & 16 <> 0 AS on_update,
       t.tgtype & 8 <> 0 AS on_delete,
       t.tgtype & 32 <> 0 AS on_truncate,
       t.tgtype & 1 <> 0 AS per_row,
       t.tgoldtable IS NOT NULL OR t.tgnewtable IS NOT NULL AS has_transition_table,
       obj_description(t.oid, 'pg_trigger') AS comment
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_proc f ON f.oid = t.tgfoid
CROSS JOIN LATERAL (SELECT pg_get_triggerdef(t.oid) AS definition) AS whole
CROSS JOIN LATERAL (
    SELECT 'CREATE ' || CASE WHEN t.tgconstraint <> 0 THEN 'CONSTRAINT ' ELSE '' END || 'TRIGGER ' || quote_ident(t.tgname)
             || CASE WHEN t.tgtype & 2 <> 0 THEN ' BEFORE ' WHEN t.tgtype & 64 <> 0 THEN ' INSTEAD OF ' ELSE ' AFTER ' END
             || concat_ws(' OR ',
                  CASE WHEN t.tgtype & 4 <> 0 THEN 'INSERT' END,
                  CASE WHEN t.tgtype & 8 <> 0 THEN 'DELETE' END,
                  CASE WHEN t.tgtype & 16 <> 0 THEN
                    'UPDATE' || coalesce(' OF ' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY p.position)
                                                    FROM unnest(t.tgattr::int2[]) WITH ORDINALITY AS p (number, position)
                                                    JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum = p.number), '')
                  END,
                  CASE WHEN t.tgtype & 32 <> 0 THEN 'TRUNCATE' END) AS text
) AS head
WHERE t.tgrelid = $1::oid AND NOT t.tgisinternal
  AND f.pronamespace IS DISTINCT FROM (SELECT s.oid FROM pg_namespace s WHERE s.nspname = 'pgsluice')
ORDER BY t.tgname COLLATE "C"

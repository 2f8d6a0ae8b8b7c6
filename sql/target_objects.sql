-- What there is of the target's tables ($1 schemas, $2 names, in step), one row an object: the table itself, its indexes, constraints,
-- triggers, policies, statistics objects, publications, and who has privileges on it besides its owner.
WITH target AS (
    SELECT w.position, c.oid, c.relkind, c.relacl, c.relowner
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (schema, name, position)
    JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
)
SELECT position, 'relation' AS kind, relkind::text AS name, true AS is_valid, false AS is_attached,
       pg_catalog.obj_description(oid, 'pg_class') AS comment
FROM target
UNION ALL
SELECT t.position, 'index', c.relname, i.indisvalid AND i.indisready AND i.indislive,
       EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid), NULL
FROM target t
JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
UNION ALL
SELECT t.position, 'constraint', k.conname, k.convalidated, k.conparentid <> 0, NULL
FROM target t
JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid
UNION ALL
SELECT t.position, 'trigger', g.tgname, true, false, NULL
FROM target t
JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
UNION ALL
SELECT t.position, 'policy', p.polname, true, false, NULL
FROM target t
JOIN pg_catalog.pg_policy p ON p.polrelid = t.oid
UNION ALL
SELECT t.position, 'statistics', s.stxname, true, false, NULL
FROM target t
JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = t.oid
UNION ALL
SELECT t.position, 'publication', p.pubname, true, false, NULL
FROM target t
JOIN pg_catalog.pg_publication_rel r ON r.prrelid = t.oid
JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
UNION ALL
SELECT DISTINCT t.position, 'grantee',
       CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) END,
       true, false, NULL
FROM target t
CROSS JOIN LATERAL pg_catalog.aclexplode(t.relacl) AS x
WHERE x.grantee <> t.relowner

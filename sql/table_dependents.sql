-- What uses the table ($1) from outside and stays with it until the cutover: views, also those upon views; rules and policies of other
-- tables; functions, columns and types that use its row type; tables whose foreign keys point to it.
WITH RECURSIVE used (class, object) AS (
    SELECT 'pg_class'::regclass::oid, $1::oid
  UNION
    SELECT 'pg_type'::regclass::oid, t.oid
    FROM pg_type t JOIN pg_class c ON t.oid = c.reltype OR t.typelem = c.reltype
    WHERE c.oid = $1::oid AND c.reltype <> 0 AND t.typrelid IN (0, c.oid)
  UNION
    SELECT 'pg_class'::regclass::oid, r.ev_class
    FROM used u
    JOIN pg_depend d ON d.refclassid = u.class AND d.refobjid = u.object AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN' AND r.ev_class <> u.object
), dependent AS (
    SELECT DISTINCT d.classid, d.objid, d.objsubid
    FROM used u
    JOIN pg_depend d ON d.refclassid = u.class AND d.refobjid = u.object
)
SELECT CASE v.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END AS kind, v.oid::regclass::text AS name
FROM used u JOIN pg_class v ON u.class = 'pg_class'::regclass AND v.oid = u.object AND v.oid <> $1::oid
UNION ALL
SELECT 'rule', quote_ident(r.rulename) || ' on ' || r.ev_class::regclass::text
FROM (SELECT DISTINCT objid FROM dependent WHERE classid = 'pg_rewrite'::regclass) d
JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename <> '_RETURN' AND r.ev_class <> $1::oid
UNION ALL
SELECT 'policy', quote_ident(p.polname) || ' on ' || p.polrelid::regclass::text
FROM (SELECT DISTINCT objid FROM dependent WHERE classid = 'pg_policy'::regclass) d
JOIN pg_policy p ON p.oid = d.objid AND p.polrelid <> $1::oid
UNION ALL
SELECT 'function', d.objid::regprocedure::text
FROM (SELECT DISTINCT objid FROM dependent WHERE classid = 'pg_proc'::regclass) d
UNION ALL
SELECT 'column', a.attrelid::regclass::text || '.' || quote_ident(a.attname)
FROM dependent d
JOIN pg_attribute a ON d.classid = 'pg_class'::regclass AND a.attrelid = d.objid AND a.attnum = d.objsubid AND d.objsubid > 0
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'f', 'c') AND c.oid <> $1::oid
JOIN used u ON u.class = 'pg_type'::regclass AND u.object = a.atttypid
UNION ALL
SELECT 'type', t.oid::regtype::text
FROM (SELECT DISTINCT objid FROM dependent WHERE classid = 'pg_type'::regclass) d
JOIN pg_type t ON t.oid = d.objid AND t.typtype = 'd'
UNION ALL
SELECT 'foreign key', quote_ident(k.conname) || ' on ' || k.conrelid::regclass::text
FROM pg_constraint k
LEFT JOIN pg_constraint parent ON parent.oid = k.conparentid
WHERE k.contype = 'f' AND k.confrelid = $1::oid AND k.conrelid <> $1::oid AND parent.confrelid IS DISTINCT FROM k.confrelid
ORDER BY kind, name

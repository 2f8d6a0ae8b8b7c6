-- What a swap renames or switches on a table ($1, its oid), by kind and name: its indexes, its triggers (neither the server's nor
-- ours) and rules with how they are enabled, its statistics objects, the sequences that its columns own.
SELECT 'index' AS kind, n.nspname AS schema, c.relname AS name, '' AS state, '' AS comment
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.indrelid = $1::oid
UNION ALL
SELECT 'trigger', '', t.tgname, t.tgenabled::text, ''
FROM pg_trigger t
JOIN pg_proc f ON f.oid = t.tgfoid
WHERE t.tgrelid = $1::oid AND NOT t.tgisinternal
  AND f.pronamespace IS DISTINCT FROM (SELECT s.oid FROM pg_namespace s WHERE s.nspname = 'pgsluice')
UNION ALL
SELECT 'rule', '', r.rulename, r.ev_enabled::text, coalesce(obj_description(r.oid, 'pg_rewrite'), '')
FROM pg_rewrite r
WHERE r.ev_class = $1::oid AND r.rulename <> '_RETURN'
UNION ALL
SELECT 'statistics', n.nspname, s.stxname, '', ''
FROM pg_statistic_ext s
JOIN pg_namespace n ON n.oid = s.stxnamespace
WHERE s.stxrelid = $1::oid
UNION ALL
SELECT 'sequence', n.nspname, c.relname, '', ''
FROM pg_depend o
JOIN pg_class c ON c.oid = o.objid AND c.relkind = 'S'
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass
  AND o.refobjid = $1::oid AND o.deptype IN ('a', 'i')
ORDER BY kind, schema, name

-- The partitions of a table ($1) of every level, parents before their children: what each is, and what it has that does not come
-- from the table. Triggers with their state are those of its own, and those of the table that are enabled otherwise here.
SELECT n.nspname AS schema,
       c.relname AS name,
       c.relkind AS kind,
       c.relpersistence AS persistence,
       pg_get_userbyid(c.relowner) AS owner,
       t.level = 1 AND pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' AS is_default,
       ARRAY(SELECT o.text
             FROM (SELECT 'index ' || quote_ident(x.relname)
                   FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
                   WHERE i.indrelid = c.oid AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid)
                   UNION ALL
                   SELECT 'check ' || quote_ident(k.conname)
                   FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.coninhcount = 0
                   UNION ALL
                   SELECT 'trigger ' || quote_ident(g.tgname)
                   FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid
                   WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgparentid = 0
                     AND f.pronamespace IS DISTINCT FROM (SELECT s.oid FROM pg_namespace s WHERE s.nspname = 'pgsluice')
                   UNION ALL
                   SELECT 'rule ' || quote_ident(r.rulename) FROM pg_rewrite r WHERE r.ev_class = c.oid
                   UNION ALL
                   SELECT 'policy ' || quote_ident(p.polname) FROM pg_policy p WHERE p.polrelid = c.oid
                   UNION ALL
                   SELECT 'row level security' WHERE c.relrowsecurity
                   UNION ALL
                   SELECT 'privileges of other roles'
                   WHERE EXISTS (SELECT FROM aclexplode(c.relacl) g WHERE g.grantee <> c.relowner)
                      OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL)
                   UNION ALL
                   SELECT 'storage parameters' WHERE c.reloptions IS NOT NULL
                      OR EXISTS (SELECT FROM pg_class t WHERE t.oid = c.reltoastrelid AND t.reloptions IS NOT NULL)
                   UNION ALL
                   SELECT 'publication ' || quote_ident(p.pubname)
                   FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = c.oid
                   UNION ALL
                   SELECT 'extended statistics ' || quote_ident(s.stxname) FROM pg_statistic_ext s WHERE s.stxrelid = c.oid
                   UNION ALL
                   SELECT 'default of column ' || quote_ident(a.attname)
                   FROM pg_attribute a
                   JOIN pg_attribute b ON b.attrelid = $1::oid AND b.attname = a.attname AND b.attnum > 0 AND NOT b.attisdropped
                   LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                   LEFT JOIN pg_attrdef e ON e.adrelid = b.attrelid AND e.adnum = b.attnum
                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND b.attgenerated = ''
                     AND pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM pg_get_expr(e.adbin, e.adrelid)
                   UNION ALL
                   SELECT 'NOT NULL of column ' || quote_ident(a.attname)
                   FROM pg_attribute a
                   JOIN pg_attribute b ON b.attrelid = $1::oid AND b.attname = a.attname AND b.attnum > 0 AND NOT b.attisdropped
                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attnotnull AND NOT b.attnotnull
                   UNION ALL
                   SELECT 'replica identity' WHERE c.relkind = 'r' AND c.relreplident <> root.relreplident
                   UNION ALL
                   SELECT 'tablespace ' || quote_ident(s.spcname)
                   FROM pg_tablespace s WHERE s.oid = c.reltablespace AND c.reltablespace <> root.reltablespace
                   UNION ALL
                   SELECT 'comment' WHERE obj_description(c.oid, 'pg_class') IS NOT NULL) AS o (text)
             ORDER BY o.text COLLATE "C") AS own,
       ARRAY(SELECT 'foreign key ' || quote_ident(k.conname) || ' of ' || k.conrelid::regclass::text
             FROM pg_constraint k
             WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.conrelid = c.oid OR k.confrelid = c.oid)
             ORDER BY k.oid) AS keys,
       ARRAY(SELECT DISTINCT CASE v.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' ELSE 'rule on ' END
                    || v.oid::regclass::text
             FROM pg_depend d
             JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> c.oid
             JOIN pg_class v ON v.oid = r.ev_class
             WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
             ORDER BY 1) AS users,
       g.names AS trigger_names,
       g.states AS trigger_states
FROM pg_partition_tree($1::oid) t
JOIN pg_class c ON c.oid = t.relid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class root ON root.oid = $1::oid
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(o.tgname::text ORDER BY o.tgname), '{}') AS names,
           coalesce(array_agg(o.tgenabled::text ORDER BY o.tgname), '{}') AS states
    FROM pg_trigger o
    JOIN pg_proc f ON f.oid = o.tgfoid
    LEFT JOIN pg_trigger p ON p.tgrelid = $1::oid AND p.tgname = o.tgname AND o.tgparentid <> 0
    WHERE o.tgrelid = c.oid AND NOT o.tgisinternal
      AND f.pronamespace IS DISTINCT FROM (SELECT s.oid FROM pg_namespace s WHERE s.nspname = 'pgsluice')
      AND o.tgenabled IS DISTINCT FROM p.tgenabled
) AS g
WHERE t.level > 0
ORDER BY t.level, c.oid

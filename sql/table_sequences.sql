-- The sequences that columns of the table ($1) own.
SELECT n.nspname AS schema,
       c.relname AS name,
       a.attname AS "column",
       format_type(s.seqtypid, NULL) AS type,
       s.seqstart AS start,
       s.seqincrement AS increment,
       s.seqmin AS minimum,
       s.seqmax AS maximum,
       s.seqcache AS cache,
       s.seqcycle AS cycle
FROM pg_depend o
JOIN pg_class c ON c.oid = o.objid AND c.relkind = 'S'
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_sequence s ON s.seqrelid = c.oid
JOIN pg_attribute a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid
WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass
  AND o.refobjid = $1::oid AND o.deptype IN ('a', 'i')
ORDER BY a.attnum, c.oid

-- The histogram of a column that has no repeated values, when the table was analyzed and has changed by less than 2 % since then.
-- No row where there is none, or where this role may not see it. $1: the table's oid, $2: its schema, $3: its name, $4: the column.
SELECT s.histogram_bounds::pg_catalog.text::pg_catalog.text[] AS bounds
FROM pg_catalog.pg_stats s
JOIN pg_catalog.pg_class c ON c.oid = $1::pg_catalog.oid
JOIN pg_catalog.pg_stat_all_tables t ON t.relid = c.oid
WHERE s.schemaname = $2
  AND s.tablename = $3
  AND s.attname = $4
  AND NOT s.inherited
  AND s.n_distinct = -1
  AND s.most_common_vals IS NULL
  AND s.histogram_bounds IS NOT NULL
  AND coalesce(t.last_analyze, t.last_autoanalyze) IS NOT NULL
  AND t.n_mod_since_analyze < 0.02 * c.reltuples

-- How many triggers of a log fire on the tables $1 (regclass texts), whatever the session: those that call a function of schema
-- pgsluice whose name begins with $2; and whether the log itself ($3, as regclass text) is there.
SELECT (SELECT pg_catalog.count(*)
        FROM pg_catalog.pg_trigger t
        JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid
        JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace AND n.nspname = 'pgsluice'
        WHERE t.tgrelid IN (SELECT pg_catalog.to_regclass(w.name) FROM pg_catalog.unnest($1::text[]) AS w (name)) AND NOT t.tgisinternal AND t.tgenabled = 'A'
          AND pg_catalog.starts_with(f.proname::text, $2)) AS firing,
       pg_catalog.to_regclass($3) IS NOT NULL AS log_is_there

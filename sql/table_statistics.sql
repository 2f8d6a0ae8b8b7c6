-- The extended statistics of the table ($1). `body` is null where the definition is not framed as expected.
SELECT n.nspname AS schema,
       s.stxname AS name,
       CASE WHEN starts_with(text.definition, text.prefix) AND right(text.definition, length(text.suffix)) = text.suffix
            THEN substr(text.definition, length(text.prefix) + 1,
                        length(text.definition) - length(text.prefix) - length(text.suffix)) END AS body,
       nullif(s.stxstattarget, -1) AS target,
       obj_description(s.oid, 'pg_statistic_ext') AS comment
FROM pg_statistic_ext s
JOIN pg_namespace n ON n.oid = s.stxnamespace
CROSS JOIN LATERAL (
    SELECT pg_get_statisticsobjdef(s.oid) AS definition,
           'CREATE STATISTICS ' || format('%I.%I', n.nspname, s.stxname) || ' ' AS prefix,
           ' FROM ' || s.stxrelid::regclass::text AS suffix
) AS text
WHERE s.stxrelid = $1::oid
ORDER BY n.nspname COLLATE "C", s.stxname COLLATE "C"

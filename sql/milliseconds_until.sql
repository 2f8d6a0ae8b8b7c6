-- How many milliseconds are left until a moment: of a day ($1, a date; null: the next day on which it is still to come), at a time ($2),
-- as clocks in a time zone ($3) show it. Less than zero when it is over.
WITH local AS (
  SELECT pg_catalog.now() AT TIME ZONE $3::text AS now
), moment AS (
  SELECT CASE WHEN $1::date IS NOT NULL THEN $1::date + $2::time
              WHEN now::date + $2::time > now THEN now::date + $2::time
              ELSE now::date + 1 + $2::time END AS at
  FROM local
)
SELECT (EXTRACT(EPOCH FROM at AT TIME ZONE $3::text - pg_catalog.now()) * 1000)::bigint FROM moment

-- What time zone $1 says now: the day of the week, 1 for Monday, and the minute of the day.
SELECT extract(isodow FROM local.time)::int AS weekday,
       (extract(hour FROM local.time) * 60 + extract(minute FROM local.time))::int AS minute
FROM (SELECT pg_catalog.now() AT TIME ZONE $1::text AS time) AS local

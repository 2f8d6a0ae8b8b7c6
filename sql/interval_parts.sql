-- $1 as PostgreSQL divides an interval: whole months, days, microseconds.
SELECT (extract(year FROM i) * 12 + extract(month FROM i))::pg_catalog.int8 AS months,
       extract(day FROM i)::pg_catalog.int8 AS days,
       (extract(hour FROM i) * 3600 + extract(minute FROM i) * 60)::pg_catalog.int8 * 1000000
         + pg_catalog.round(extract(microseconds FROM i))::pg_catalog.int8 AS microseconds
FROM (SELECT $1::pg_catalog.interval AS i) AS given

-- Today in UTC, as days since 2000-01-01 and microseconds of the day.
SELECT (t::pg_catalog.date - DATE '2000-01-01')::pg_catalog.text || ' '
         || pg_catalog.round(extract(epoch FROM t::pg_catalog.time) * 1000000)::pg_catalog.int8::pg_catalog.text AS now
FROM (SELECT pg_catalog.timezone('UTC', pg_catalog.now()) AS t) AS utc

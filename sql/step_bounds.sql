-- Lower bounds of steps over numbers, and the end of the last, as text; NULL where the type has no such value.
--   $1, $2  least and greatest value found; NULL: begin at 0
--   $3      the step, above 0
--   $4, $5  least and greatest value of the type; NULL: no limit
--   $6      steps after the one that holds $2
--   $7      at most that many bounds are given
WITH given AS (
  SELECT coalesce($1::pg_catalog.numeric, 0) AS low,
         coalesce($2::pg_catalog.numeric, 0) AS high,
         $3::pg_catalog.numeric AS step,
         $4::pg_catalog.numeric AS type_low,
         $5::pg_catalog.numeric AS type_high
),
aligned AS (
  SELECT low - mod(low, step) - CASE WHEN mod(low, step) < 0 THEN step ELSE 0 END AS first,
         high - mod(high, step) - CASE WHEN mod(high, step) < 0 THEN step ELSE 0 END
           + step * (1 + $6::pg_catalog.int8) AS last,
         step, type_low, type_high
  FROM given
),
bounds AS (
  SELECT pg_catalog.generate_series(first, last, step) AS bound, type_low, type_high
  FROM aligned
  LIMIT $7::pg_catalog.int8
)
-- The first value beyond the type's end closes the last leaf; those after it are of no use.
SELECT CASE WHEN bound >= type_low IS NOT FALSE AND bound <= type_high IS NOT FALSE THEN pg_catalog.trim_scale(bound)::pg_catalog.text END AS bound
FROM (SELECT bound, type_low, type_high, lag(bound) OVER (ORDER BY bound) AS previous FROM bounds) AS b
WHERE previous <= type_high IS NOT FALSE
ORDER BY b.bound

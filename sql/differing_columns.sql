-- Columns that one of two tables ($1, $2, as regclass text) has and the other has not, or has with another type.
SELECT coalesce(a.attname, b.attname) AS name
FROM (SELECT attname, atttypid, atttypmod FROM pg_catalog.pg_attribute
      WHERE attrelid = pg_catalog.to_regclass($1) AND attnum > 0 AND NOT attisdropped) AS a
FULL JOIN (SELECT attname, atttypid, atttypmod FROM pg_catalog.pg_attribute
           WHERE attrelid = pg_catalog.to_regclass($2) AND attnum > 0 AND NOT attisdropped) AS b ON a.attname = b.attname
WHERE (a.atttypid, a.atttypmod) IS DISTINCT FROM (b.atttypid, b.atttypmod)
ORDER BY 1

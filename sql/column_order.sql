-- The live columns of a table ($1, as regclass text), with what decides whether two of them compare and sort alike.
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.attcollation, a.attnotnull
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = $1::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum

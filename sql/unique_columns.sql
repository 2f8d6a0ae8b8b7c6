-- The columns of each key of the table ($1, its oid) that a foreign key may point to.
SELECT ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS p (number, position)
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = p.number
             WHERE p.position <= i.indnkeyatts ORDER BY p.position) AS columns
FROM pg_index i
WHERE i.indrelid = $1::oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY i.indexrelid

-- Whether a table ($1, as regclass text) has a valid btree index over all its rows whose first columns are $2 (names, in order),
-- each with its type's default operator class and the column's own collation.
SELECT EXISTS (
  SELECT FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_am m ON m.oid = i.relam
  WHERE x.indrelid = $1::pg_catalog.regclass AND x.indisvalid AND x.indpred IS NULL AND m.amname = 'btree'
    AND $2::text[] = ARRAY(
      SELECT a.attname::text
      FROM pg_catalog.generate_series(0, pg_catalog.cardinality($2::text[]) - 1) AS position
      JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[position]
      JOIN pg_catalog.pg_opclass o ON o.oid = x.indclass[position] AND o.opcdefault
      WHERE position < x.indnkeyatts AND x.indcollation[position] = a.attcollation
      ORDER BY position))

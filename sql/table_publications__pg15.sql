-- The publications that name the table ($1), with their column list and row filter.
SELECT p.pubname AS name,
       (SELECT '(' || string_agg(quote_ident(a.attname), ', ' ORDER BY c.position) || ')'
        FROM unnest(r.prattrs::int2[]) WITH ORDINALITY AS c (number, position)
        JOIN pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = c.number) AS columns,
       pg_get_expr(r.prqual, r.prrelid) AS row_filter,
       pg_has_role(p.pubowner, 'USAGE') AS owned
FROM pg_publication p
JOIN pg_publication_rel r ON r.prpubid = p.oid
WHERE r.prrelid = $1::oid
ORDER BY p.pubname COLLATE "C"

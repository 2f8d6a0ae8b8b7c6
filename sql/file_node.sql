-- The file that holds a table ($1, a quoted name) now.
SELECT pg_catalog.pg_relation_filenode($1::regclass)

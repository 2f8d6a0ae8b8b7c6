-- How this database stores text.
SELECT pg_catalog.getdatabaseencoding()

-- A short number for a long text ($1).
SELECT pg_catalog.hashtextextended($1, 0)

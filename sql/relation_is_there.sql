-- Whether a relation of that name ($1, quoted, with its schema) is there for this role.
SELECT pg_catalog.to_regclass($1) IS NOT NULL

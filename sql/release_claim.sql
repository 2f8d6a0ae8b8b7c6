-- Gives a claim back: range $2 of migration $1.
SELECT pg_catalog.pg_advisory_unlock(pg_catalog.hashtext($1), $2)

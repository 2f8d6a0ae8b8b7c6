-- Everybody who can be given a privilege on this server, as quoted SQL text.
SELECT pg_catalog.quote_ident(rolname) FROM pg_catalog.pg_roles
UNION ALL
SELECT 'PUBLIC'

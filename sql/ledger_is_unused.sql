-- Whether schema pgsluice may go: it is ours by its comment, holds no migration, and nothing but the ledger's two tables, their
-- indexes and types.
SELECT pg_catalog.obj_description(n.oid, 'pg_namespace') LIKE 'Made by pgsluice:%'
   AND pg_catalog.pg_has_role(n.nspowner, 'USAGE')
   AND NOT EXISTS (SELECT FROM pgsluice.migration)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c
                   WHERE c.relnamespace = n.oid AND c.relkind <> 'i' AND c.relname NOT IN ('migration', 'batch_done'))
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace = n.oid)
FROM pg_catalog.pg_namespace n
WHERE n.nspname = 'pgsluice'

-- Whether schema pgsluice may go: it is ours by its comment, this role may drop it, and nothing is in it.
SELECT pg_catalog.obj_description(n.oid, 'pg_namespace') LIKE 'Made by pgsluice:%'
   AND pg_catalog.pg_has_role(n.nspowner, 'USAGE')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace = n.oid)
FROM pg_catalog.pg_namespace n
WHERE n.nspname = 'pgsluice'

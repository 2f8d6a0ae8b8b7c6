-- How many sessions wait for a heavyweight lock, without our own: those have a name that this role sees. Only sessions that some role
-- opened count, so autovacuum does not. For every role.
SELECT count(DISTINCT l.pid) AS waits
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid AND a.usesysid IS NOT NULL
WHERE NOT l.granted
  AND coalesce(a.application_name, '') NOT LIKE 'pgsluice %'

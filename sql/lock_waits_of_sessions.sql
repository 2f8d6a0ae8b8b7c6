-- How many sessions wait for a heavyweight lock, without our own. For roles that may see what others do.
SELECT count(*) AS waits
FROM pg_catalog.pg_stat_activity a
WHERE a.wait_event_type = 'Lock'
  AND a.backend_type = 'client backend'
  AND a.application_name NOT LIKE 'pgsluice %'

-- A migration ($1) enters a phase ($2). A rollback that has begun is never overwritten by a phase before it.
UPDATE pgsluice.migration
SET phase = $2, phase_since = CASE WHEN phase = $2 THEN phase_since ELSE pg_catalog.clock_timestamp() END
WHERE id = $1 AND (phase NOT IN ('rolling-back', 'rolled-back') OR $2 IN ('rolling-back', 'rolled-back'))

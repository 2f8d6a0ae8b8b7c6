-- A migration ($1) enters a phase ($2).
UPDATE pgsluice.migration
SET phase = $2, phase_since = CASE WHEN phase = $2 THEN phase_since ELSE pg_catalog.clock_timestamp() END
WHERE id = $1

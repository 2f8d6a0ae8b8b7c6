-- The digest of the plan with which a migration ($1) began.
SELECT plan_digest FROM pgsluice.migration WHERE id = $1

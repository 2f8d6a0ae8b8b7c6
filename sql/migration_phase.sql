-- The phase that a migration ($1) has reached.
SELECT phase FROM pgsluice.migration WHERE id = $1

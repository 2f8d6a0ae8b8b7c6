-- Unfinished migrations other than $1 that have the target $2 or the source $3. Trials of `estimate` are none.
SELECT id, phase
FROM pgsluice.migration
WHERE id <> $1 AND (target = $2 OR source = $3) AND strategy <> 'rehearsal'

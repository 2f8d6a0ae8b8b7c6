-- From its commit on no mover can commit another batch of these ranges of a migration ($1): ledger_advance finds them complete.
UPDATE pgsluice.batch_done SET complete = true, up_to = NULL
WHERE migration_id = $1 AND NOT complete

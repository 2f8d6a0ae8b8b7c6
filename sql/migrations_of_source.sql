-- Migrations of the source $1 that the ledger knows; trials of `estimate` are none.
SELECT id, phase FROM pgsluice.migration WHERE source = $1 AND strategy <> 'rehearsal' ORDER BY created_at

-- What trials of `estimate` left in the ledger: those that run now, and those that were killed.
SELECT id, source, target FROM pgsluice.migration WHERE strategy = 'rehearsal' ORDER BY created_at

-- Enters a migration into the ledger unless it is there already.
-- $1 id, $2 source, $3 target, $4 plan digest, $5 strategy, $6 method, $7 phase.
INSERT INTO pgsluice.migration (id, source, target, plan_digest, strategy, method, phase)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO NOTHING

-- The ledger of every migration whose target is in this database. Repeatable.
-- Locks: none on any table but its own.
CREATE SCHEMA IF NOT EXISTS pgsluice;
COMMENT ON SCHEMA pgsluice IS 'Made by pgsluice: ledgers and guards of its migrations. Removed with the last of them.';
CREATE TABLE IF NOT EXISTS pgsluice.migration (
  id uuid PRIMARY KEY,
  source text NOT NULL,
  target text NOT NULL,
  plan_digest text NOT NULL,
  strategy text NOT NULL,
  method text NOT NULL,
  phase text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  phase_since timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  rows_back bigint NOT NULL DEFAULT 0,
  checksum_back numeric NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS pgsluice.batch_done (
  migration_id uuid NOT NULL REFERENCES pgsluice.migration,
  range_id integer NOT NULL,
  up_to text[],
  complete boolean NOT NULL,
  rows bigint NOT NULL,
  bytes bigint NOT NULL,
  checksum numeric NOT NULL,
  rows_summed bigint NOT NULL DEFAULT 0,
  rows_checked bigint NOT NULL DEFAULT 0,
  batches bigint NOT NULL DEFAULT 1,
  last_batch_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  PRIMARY KEY (migration_id, range_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE pgsluice.batch_done IS
  'One row a range, written in the transaction that moves its rows: what is here is done, what is not here is not.';

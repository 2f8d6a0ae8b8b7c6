-- The table `sources`: documents by uid and type, as an application keeps them. About 780 bytes a row, 670 of them jsonb; keys as they
-- occur in life: uids of very different frequency, types of a few, a hash that makes each unique, timestamps that follow the id.
-- Run by psql with -v rows=N, as the table's future owner. The same rows every time.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET work_mem = '64MB';
SET maintenance_work_mem = '256MB';

CREATE TABLE public.sources (
  id bigserial PRIMARY KEY,
  uid text NOT NULL,
  type text NOT NULL,
  payload jsonb NOT NULL,
  payload_hash text NOT NULL,
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE public.sources IS 'What was collected about each uid, one row per version.';

INSERT INTO public.sources (uid, type, payload, payload_hash, is_active, created_at, updated_at)
SELECT
  'u-' || substr(md5('uid' || owner), 1, 20),
  (ARRAY['profile', 'invoice', 'message', 'order', 'session', 'ticket'])[1 + n % 6],
  jsonb_build_object(
    'version', n % 7,
    'name', 'Customer ' || substr(seed, 1, 8),
    'email', substr(seed, 9, 10) || '@' || substr(seed, 19, 6) || '.example',
    'address', jsonb_build_object(
      'street', substr(seed, 3, 12) || ' street ' || n % 300,
      'city', (ARRAY['Amsterdam', 'Berlin', 'Chennai', 'Denver', 'Essen'])[1 + n % 5],
      'postcode', lpad((n % 99999)::text, 5, '0')),
    'amounts', jsonb_build_array(n % 1000, (n % 777) * 1.25, n % 31),
    'tags', jsonb_build_array(substr(seed, 1, 6), substr(seed, 7, 6), substr(seed, 13, 6)),
    'tokens', jsonb_build_array(seed, md5(seed), md5(seed || 'a'), md5(seed || 'b'), md5(seed || 'c'), md5(seed || 'd')),
    'note', CASE WHEN n % 10 = 0 THEN NULL ELSE repeat(substr(seed, 1, 9) || ' ', 12) END),
  md5(seed || n),
  n % 13 <> 0,
  timestamptz '2023-01-01 00:00:00+00' + n * interval '31 seconds',
  timestamptz '2023-01-01 00:00:00+00' + n * interval '31 seconds' + (n % 5000) * interval '1 minute'
FROM generate_series(1, :rows) AS n,
  LATERAL (SELECT md5('row' || n) AS seed, (power(((n::bigint * 7919) % 1000003) / 1000003.0, 3) * :rows / 4)::bigint AS owner) AS derived;

ALTER TABLE public.sources ADD CONSTRAINT sources_uid_type_hash_key UNIQUE (uid, type, payload_hash);
CREATE INDEX sources_created_at_idx ON public.sources (created_at);
CREATE INDEX sources_active_uid_idx ON public.sources (uid, updated_at DESC) WHERE is_active;
ANALYZE public.sources;

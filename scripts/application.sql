-- What the demo's application does all the while, by pgbench with -D rows=N: it changes documents, adds some, and deletes some.
\set changed random(1, :rows)
\set moved random(1, :rows)
\set deleted random(1, :rows)
\set owner random(1, 1000)
BEGIN;
UPDATE public.sources SET is_active = NOT is_active, updated_at = now() WHERE id = :changed;
UPDATE public.sources SET uid = 'u-moved-' || :owner, updated_at = now() WHERE id = :moved;
DELETE FROM public.sources WHERE id = :deleted;
INSERT INTO public.sources (uid, type, payload, payload_hash)
VALUES ('u-new-' || :owner, 'order', '{"version": 1}', md5(random()::text));
COMMIT;

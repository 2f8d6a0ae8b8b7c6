-- For the session that reads the meter and the brakes: it changes nothing, hangs nowhere for long, and sees statistics as they are.
SELECT pg_catalog.set_config('default_transaction_read_only', 'on', false),
       pg_catalog.set_config('statement_timeout', '5s', false),
       pg_catalog.set_config('lock_timeout', '1s', false),
       pg_catalog.set_config('stats_fetch_consistency', 'none', false)

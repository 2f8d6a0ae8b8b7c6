-- How long the statements of this transaction wait for a lock: $1, "200ms".
SELECT pg_catalog.set_config('lock_timeout', $1, true)

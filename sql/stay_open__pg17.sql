-- This session is not ended for being idle, since it may hold a claim while others work or wait; nor is a transaction for being long.
SELECT pg_catalog.set_config('idle_session_timeout', '0', false), pg_catalog.set_config('transaction_timeout', '0', false)

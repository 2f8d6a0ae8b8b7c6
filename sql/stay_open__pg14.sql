-- This session is not ended for being idle: it may hold a claim while others work or wait.
SELECT pg_catalog.set_config('idle_session_timeout', '0', false)

-- Gives back every advisory lock of this session.
SELECT pg_catalog.pg_advisory_unlock_all()

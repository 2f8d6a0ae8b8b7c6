-- How often rows of a table ($1, its OID) were written since the server's counters began, and when they began. The counters follow
-- a write by up to a minute and lose the last moments before a crash.
SELECT pg_catalog.pg_stat_get_tuples_inserted($1::oid) AS inserted,
       pg_catalog.pg_stat_get_tuples_updated($1::oid) AS updated,
       pg_catalog.pg_stat_get_tuples_deleted($1::oid) AS deleted

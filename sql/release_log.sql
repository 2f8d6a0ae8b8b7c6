-- Ends what share_log ($2 true) or hold_log ($2 false) took.
SELECT CASE WHEN $2::boolean THEN pg_catalog.pg_advisory_unlock_shared(pg_catalog.hashtext($1), -2)
            ELSE pg_catalog.pg_advisory_unlock(pg_catalog.hashtext($1), -2) END
